#!/usr/bin/env bash
# SIGTERM, SIGINT and SIGHUP: unmounted, flushed, gone, status 0.
. "${0%/*}/lib.sh"

truncate -s 16M "$tmp/image"
start_server file "$tmp/image"
for signal in TERM INT HUP; do
  start_nbdfuse -v "$dir" --unix "$sock"
  head -c 100000 /dev/urandom >"$tmp/data"
  dd if="$tmp/data" of="$dir/nbd" bs=10000 conv=notrunc status=none
  kill "-$signal" "$nbdfuse_pid"
  nbdfuse_status
  [[ $(cat "$tmp/status") == 0 ]] || fail "SIG$signal: exit status $(cat "$tmp/status")"
  ! mountpoint -q "$dir" || fail "SIG$signal: still mounted"
  cmp -n 100000 "$tmp/data" "$tmp/image"
  grep -q ': flush of' "$tmp/nbdfuse.log" || fail "SIG$signal: not flushed"
done
