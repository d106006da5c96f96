#!/usr/bin/env bash
# Starts a hub with everything embedded and measures it: latency from Kafka to
# the socket at 1,000 connections and 1,000 events a second, and memory a
# connection at 10,000 connections, each with a fresh hub.
#
#   internal/load/figures.sh path/to/bongsu
set -euo pipefail

bongsu=$(realpath "$1")
dir=$(mktemp -d)
export BONGSU_AUTH_JWT_SECRET=figures-figures-figures-figures-figures
export BONGSU_HTTP_ADDR=127.0.0.1:${FIGURES_HTTP_PORT:-28180}
export BONGSU_KAFKA_EMBEDDED_ADDR=127.0.0.1:${FIGURES_KAFKA_PORT:-29192}
export BONGSU_DRAIN_WINDOW=1s
hub=

stop() {
  [ -z "$hub" ] || { kill "$hub" 2>/dev/null && wait "$hub" 2>/dev/null; } || true
  hub=
}
trap 'stop; rm -rf "$dir"' EXIT

start() {
  rm -rf "$dir/data"
  BONGSU_DATA_DIR=$dir/data "$bongsu" serve 2>"$dir/log" &
  hub=$!
  for _ in $(seq 100); do
    curl -fs "http://$BONGSU_HTTP_ADDR/readyz" >/dev/null && return
    sleep 0.1
  done
  cat "$dir/log" >&2
  exit 1
}

load() {
  "$bongsu" load --url "http://$BONGSU_HTTP_ADDR" --kafka-brokers "$BONGSU_KAFKA_EMBEDDED_ADDR" \
    --server-pid "$hub" "$@" 2>/dev/null
}

echo "== 1,000 connections, 1,000 events a second to one person each"
start
load -c 1000 --rate 1000 -d 20s --targets admin
stop
echo "== 1,000 connections, 1,000 events a second, mixed targets"
start
load -c 1000 --rate 1000 -d 20s --targets mixed
stop
echo "== 10,000 connections of three streams, a broadcast a second"
start
load -c 10000 --rate 1 -d 20s --targets all
stop
