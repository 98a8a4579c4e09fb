#!/usr/bin/env bash
# 64 reads that take the server one second each are done together, in well under
# the 13 seconds that 10 at a time need.
. "${0%/*}/lib.sh"

start_server -t 64 --filter=delay memory 64M rdelay=1
start_nbdfuse "$dir" --unix "$sock"
[[ $(stat -c %s "$dir/nbd") == $((64 << 20)) ]] || fail "wrong size"
readers=()
# Started before the clock: 64 processes take a sanitized machine a while.
mkfifo "$tmp/go"
for i in {0..63}; do
  (read -r _ <"$tmp/go" || true
    exec dd if="$dir/nbd" bs=4096 count=1 skip=$((i * 256)) iflag=direct status=none) >/dev/null &
  readers+=($!)
done
sleep 1
begin=${EPOCHREALTIME/./}
exec 6>"$tmp/go" 6>&-
for pid in "${readers[@]}"; do wait "$pid" || fail "a read failed"; done
took_ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
echo "64 reads of 1 s took $took_ms ms"
((took_ms < 2000)) || fail "expected less than 2000 ms"
unmount_and_expect 0
