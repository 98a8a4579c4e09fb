#!/usr/bin/env bash
# SEEK_HOLE and SEEK_DATA show the server's extents; a tar with holes is equal
# when it is restored.
. "${0%/*}/lib.sh"
need qemu-img tar

start_server memory 16M
start_nbdfuse "$dir" --unix "$sock"
dd if=/dev/urandom of="$dir/nbd" bs=64k seek=32 count=16 conv=notrunc status=none
dd if=/dev/urandom of="$dir/nbd" bs=64k seek=100 count=1 conv=notrunc status=none
qemu-img map -f raw --output=json "$dir/nbd" | tr -d ' \n' >"$tmp/map.log"
for part in '"start":0,"length":2097152' '"start":2097152,"length":1048576' \
  '"start":6553600,"length":65536'; do
  grep -qF "$part" "$tmp/map.log" || fail "no $part in $(cat "$tmp/map.log")"
done
tar -cSf "$tmp/tar" -C "$dir" nbd
mkdir "$tmp/restored"
tar -xf "$tmp/tar" -C "$tmp/restored"
cmp "$dir/nbd" "$tmp/restored/nbd"
cp --sparse=auto "$dir/nbd" "$tmp/copy"
cmp "$dir/nbd" "$tmp/copy"
unmount_and_expect 0
