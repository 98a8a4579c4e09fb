#!/usr/bin/env bash
# --reconnect: a server that is killed and started again is a pause for who reads
# and writes, and nothing of what it was asked is lost. One that comes back with
# another disk is not used, and --reconnect=1 waits no longer than a second.
. "${0%/*}/lib.sh"

head -c 8388608 /dev/urandom >"$tmp/data"
truncate -s 8M "$tmp/image"
start_server file "$tmp/image"
start_nbdfuse --reconnect "$dir" --unix "$sock"
read_direct() { dd if="$dir/nbd" bs=4096 count=1 skip="$1" iflag=direct status=none; }

for flags in oflag=direct conv=fsync; do
  dd if="$tmp/data" of="$dir/nbd" bs=64k "$flags" conv=notrunc status=none &
  writer=$!
  for _ in 1 2 3; do
    sleep 0.05
    kill_server
    sleep 0.05
    start_server file "$tmp/image"
  done
  wait "$writer" || fail "writing failed"
  fsync_file "$dir/nbd"
  cmp "$tmp/data" "$tmp/image"
  head -c 8388608 /dev/urandom >"$tmp/data"
done

# Away with nothing in flight, and asked then.
kill_server
read_direct 5 >"$tmp/block" &
reader=$!
sleep 0.2
kill -0 "$reader" || fail "the read did not wait"
start_server file "$tmp/image"
wait "$reader" || fail "the read that waited failed"
cmp -n 4096 -i 0:20480 "$tmp/block" "$tmp/image"

kill_server
truncate -s 4M "$tmp/image"
start_server file "$tmp/image"
expect_error "Input/output error" read_direct 6
grep -q "size is 4194304 bytes now and was 8388608" "$tmp/nbdfuse.log" || fail "not said why"
kill_server
truncate -s 8M "$tmp/image"
start_server file "$tmp/image"
until_true read_direct 7 >"$tmp/block" 2>&1 || fail "the right disk is back and not used"
unmount_and_expect 0

start_nbdfuse --reconnect=1 "$dir" --unix "$sock"
read_direct 0 >"$tmp/block"
kill_server
expect_error "Input/output error" read_direct 1
expect_error "Input/output error" read_direct 2 # at once: it has waited
start_server file "$tmp/image"
until_true read_direct 3 >"$tmp/block" 2>&1 || fail "not used when it came back"
unmount_and_expect 0
expect_error "needs a server with an address" \
  "$nbdfuse" --reconnect "$dir" [ "$nbdkit" -f memory 1M ]
