#!/usr/bin/env bash
# A program that is killed while the server does not answer ends at once; a signal
# that does not kill it leaves its request alone.
. "${0%/*}/lib.sh"

start_server --filter=delay memory 1M rdelay=60
start_nbdfuse "$dir" --unix "$sock"
for signal in KILL TERM; do
  dd if="$dir/nbd" bs=4096 count=1 iflag=direct status=none of=/dev/null &
  reader=$!
  sleep 0.3
  kill "-$signal" "$reader"
  until_true ended "$reader" || fail "SIG$signal: the reader did not end"
  wait "$reader" 2>/dev/null && fail "SIG$signal: the reader succeeded"
done
kill_server

start_server --filter=delay memory 1M rdelay=1
start_nbdfuse_again() { unmount_and_expect 0; start_nbdfuse "$dir" --unix "$sock"; }
start_nbdfuse_again
# dd handles SIGUSR1: it prints how far it is, and goes on.
dd if="$dir/nbd" bs=4096 count=1 iflag=direct of=/dev/null 2>"$tmp/dd.log" &
reader=$!
sleep 0.4
kill -USR1 "$reader"
wait "$reader" || fail "the read failed: $(cat "$tmp/dd.log")"
unmount_and_expect 0
