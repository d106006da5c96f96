#!/bin/sh
# Unpacks Debian's ClickHouse server 18.16 and the libraries that it needs into a
# cache directory, and prints the directory that is their root. It installs
# nothing in the system and does nothing if they are there already. Needs
# apt-get and dpkg, and package lists that are not older than the mirror.
#
#   install-clickhouse18.sh [cache directory]
set -eu

version=18.16.1+ds-7.3+b2
here=$(cd "$(dirname "$0")" && pwd)
cache=${1:-${BONGSU_CACHE:-$here/../../.cache}}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
root=$cache/clickhouse-$version

available() {
  apt-cache madison clickhouse-server 2>/dev/null | awk '{print $3}' | grep -qxF "$version"
}

if [ ! -f "$root/.complete" ]; then
  # One installation at a time; a second caller waits, and then finds it done.
  exec 9>"$cache/clickhouse18.lock"
  flock 9
fi
if [ ! -f "$root/.complete" ]; then
  if ! available && [ "$(id -u)" = 0 ]; then
    apt-get -q update >&2
  fi
  if ! available; then
    echo "clickhouse-server $version is not among this system's Debian packages (run apt-get update?)" >&2
    exit 1
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/packages"
  # What a real installation would add to this system, and the server even if it has it.
  names=$(apt-get -s -o Debug::NoLocking=1 install "clickhouse-server=$version" | awk '$1 == "Inst" {print $2}')
  cd "$work/packages"
  # shellcheck disable=SC2086 # names are words
  apt-get -q download $names "clickhouse-server=$version" "clickhouse-common=$version" >&2
  mkdir -p "$root"
  for package in *.deb; do
    dpkg -x "$package" "$root"
  done
  touch "$root/.complete"
fi
echo "$root"
