#!/usr/bin/env bash
# What is written to the file is read back, through the cache and past it, and
# after unmounting and mounting again.
. "${0%/*}/lib.sh"

start_server memory 64M
head -c 20000000 /dev/urandom >"$tmp/data"
start_nbdfuse "$dir" "nbd+unix:///?socket=$sock"
[[ $(stat -c %s "$dir/nbd") == $((64 << 20)) ]] || fail "wrong size"
dd if="$tmp/data" of="$dir/nbd" bs=1M conv=notrunc,fsync status=none
cmp -n 20000000 "$tmp/data" "$dir/nbd"
dd if="$dir/nbd" of="$tmp/direct" bs=1M count=20 iflag=direct status=none
cmp -n 20000000 "$tmp/data" "$tmp/direct"
unmount_and_expect 0

start_nbdfuse "$dir/disk" --unix "$sock"
cmp -n 20000000 "$tmp/data" "$dir/disk"
unmount_and_expect 0
