#!/usr/bin/env bash
# The server is killed, idle and with requests in flight: EIO, not a hang and not
# an abort, and the mount goes as usual.
. "${0%/*}/lib.sh"

read_direct() { dd if="$dir/nbd" bs=4096 count=1 skip="$1" iflag=direct status=none of=/dev/null; }

start_server memory 1M
start_nbdfuse "$dir" --unix "$sock"
read_direct 0
kill_server
expect_error "Input/output error" read_direct 0
expect_error "Input/output error" dd if=/dev/zero of="$dir/nbd" count=1 conv=notrunc
expect_error "Input/output error" read_direct 1
unmount_and_expect 1 # what was written is lost, and that is said
grep -q "lost the server" "$tmp/nbdfuse.log" || fail "no word of the loss"

start_server --filter=delay memory 1M rdelay=30
start_nbdfuse "$dir" --unix "$sock"
readers=()
for i in 1 2 3 4 5 6 7 8; do
  read_direct "$i" 2>"$tmp/reader$i.log" &
  readers+=($!)
done
sleep 1
kill_server
for pid in "${readers[@]}"; do
  ! wait "$pid" || fail "a read succeeded without a server"
done
grep -q "Input/output error" "$tmp/reader1.log" || fail "$(cat "$tmp/reader1.log")"
unmount_and_expect 0 # nothing was written
