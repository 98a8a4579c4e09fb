#!/usr/bin/env bash
# --stats: SIGUSR1 writes a line of JSON; without it the signal changes nothing.
. "${0%/*}/lib.sh"
need jq

start_server --filter=delay memory 16M wdelay=20ms
start_nbdfuse --stats="$tmp/stats" "$dir" --unix "$sock"
dd if="$dir/nbd" of=/dev/null bs=1M count=4 iflag=direct status=none
dd if=/dev/urandom of="$dir/nbd" bs=64k count=8 oflag=direct conv=notrunc,fsync status=none
fallocate -p -l 4096 "$dir/nbd"
has_lines() { (($(wc -l <"$tmp/stats") >= $1)); }
touch "$tmp/stats"
kill -USR1 "$nbdfuse_pid"
until_true has_lines 1 || fail "no statistics"
holds() { jq -e "$1" "$tmp/stats" >/dev/null || fail "not so: $1 in $(cat "$tmp/stats")"; }
holds '.read.bytes == 4 * 1048576 and .read.requests == 4 and .read.errors == 0'
holds '.write.bytes == 8 * 65536 and .write.requests == 8 and .flush.requests >= 1'
holds '.punch.requests == 1 and .punch.bytes == 4096'
holds '.write.latency_us | .p50 > 15000 and .p50 <= .p90 and .p90 <= .p99 and .p99 <= .max * 1.02'
if ((EUID == 0)); then # who may say how far the kernel reads ahead
  cat "$dir/nbd" >/dev/null
  kill -USR1 "$nbdfuse_pid"
  until_true has_lines 2
  sed -i 1d "$tmp/stats"
  holds '.read.bytes >= 20 * 1048576 and .read.requests < 60'
fi
unmount_and_expect 0
until_true has_lines 2 || fail "none at the end"

start_nbdfuse "$dir" --unix "$sock"
kill -USR1 "$nbdfuse_pid"
kill -USR1 "$nbdfuse_pid"
dd if="$dir/nbd" of=/dev/null bs=1M count=1 status=none
unmount_and_expect 0
