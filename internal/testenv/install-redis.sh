#!/bin/sh
# Unpacks Debian's redis-server and the libraries that it needs into a cache
# directory, and prints the directory that is their root. It installs nothing in
# the system and does nothing if they are there already. Needs apt-get and dpkg.
#
#   install-redis.sh [cache directory]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${1:-${BONGSU_CACHE:-$here/../../.cache}}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
root=$cache/redis

if [ ! -f "$root/.complete" ]; then
  # One installation at a time; a second caller waits, and then finds it done.
  exec 9>"$cache/redis.lock"
  flock 9
fi
if [ ! -f "$root/.complete" ]; then
  if ! apt-cache show redis-server >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    apt-get -q update >&2
  fi
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/packages"
  # What a real installation would add to this system, and the server even if it has it.
  names=$(apt-get -s -o Debug::NoLocking=1 --no-install-recommends install redis-server | awk '$1 == "Inst" {print $2}')
  cd "$work/packages"
  # shellcheck disable=SC2086 # names are words
  apt-get -q download $names redis-server redis-tools >&2
  mkdir -p "$root"
  for package in *.deb; do
    dpkg -x "$package" "$root"
  done
  touch "$root/.complete"
fi
echo "$root"
