#!/bin/sh
# Installs a current ClickHouse engine, as the Python module chdb, into a virtual
# environment in a cache directory, and prints the path of its interpreter. It
# does nothing if it is there already. Needs python3 with venv, and 600 MB.
#
#   install-chdb.sh [cache directory]
set -eu

version=26.9.0
here=$(cd "$(dirname "$0")" && pwd)
cache=${1:-${BONGSU_CACHE:-$here/../../.cache}}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
venv=$cache/chdb-$version

if [ ! -f "$venv/.complete" ]; then
  # One installation at a time; a second caller waits, and then finds it done.
  exec 9>"$cache/chdb.lock"
  flock 9
fi
if [ ! -f "$venv/.complete" ]; then
  python3 -m venv "$venv" >&2
  # Its dependencies are for data frames, which nobody here asks it for.
  "$venv/bin/pip" install -q --no-deps "chdb-core==$version" >&2
  touch "$venv/.complete"
fi
echo "$venv/bin/python"
