#!/usr/bin/env bash
# At the end of the disk: reads are short, writes ENOSPC after what fitted.
. "${0%/*}/lib.sh"

start_server memory 1000000
start_nbdfuse "$dir" --unix "$sock"
[[ $(tail -c +999991 "$dir/nbd" | wc -c) == 10 ]] || fail "the end is not where it should be"
expect_error "No space left on device" \
  dd if=/dev/zero of="$dir/nbd" bs=100000 seek=10 count=1 conv=notrunc
expect_error "No space left on device" \
  dd if=/dev/urandom of="$dir/nbd" bs=65536 conv=notrunc
[[ $(stat -c %s "$dir/nbd") == 1000000 ]] || fail "the size changed"
[[ $(wc -c <"$dir/nbd") == 1000000 ]] || fail "reading to the end gives another size"
unmount_and_expect 0
