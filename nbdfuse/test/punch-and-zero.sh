#!/usr/bin/env bash
# A punched or zeroed range reads as zeroes, to the byte, and what is around it
# stays. (Servers that cannot zero: block-sizes.sh and the unit tests.)
. "${0%/*}/lib.sh"
need fallocate

start_server memory 4M
start_nbdfuse "$dir" --unix "$sock"
head -c 4000000 /dev/urandom >"$tmp/data"
dd if="$tmp/data" of="$dir/nbd" bs=1M conv=notrunc status=none
for way in -p -z; do
  for range in "4096 65536" "1000001 1777" "2000000 1500000"; do
    read -r offset length <<<"$range"
    fallocate "$way" -n -o "$offset" -l "$length" "$dir/nbd"
    fallocate "$way" -n -o "$offset" -l "$length" "$tmp/data"
  done
  cmp -n 4000000 "$tmp/data" "$dir/nbd" || fail "fallocate $way"
  dd if=/dev/urandom of="$tmp/data" bs=1M count=3 conv=notrunc status=none
  dd if="$tmp/data" of="$dir/nbd" bs=1M count=3 conv=notrunc status=none
done
expect_error "Operation not supported" fallocate -c -o 0 -l 4096 "$dir/nbd"
unmount_and_expect 0
