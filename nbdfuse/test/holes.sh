#!/usr/bin/env bash
# SEEK_HOLE, SEEK_DATA and st_blocks show the server's extents; sparse copies read
# the data alone, and are equal.
. "${0%/*}/lib.sh"
need qemu-img tar fallocate

start_server memory 16M
start_nbdfuse "$dir" --unix "$sock"
dd if=/dev/urandom of="$dir/nbd" bs=64k seek=32 count=16 conv=notrunc status=none
dd if=/dev/urandom of="$dir/nbd" bs=64k seek=100 count=1 conv=notrunc status=none
qemu-img map -f raw --output=json "$dir/nbd" | tr -d ' \n' >"$tmp/map.log"
for part in '"start":0,"length":2097152' '"start":2097152,"length":1048576' \
  '"start":6553600,"length":65536'; do
  grep -qF "$part" "$tmp/map.log" || fail "no $part in $(cat "$tmp/map.log")"
done
[[ $(stat -c %b "$dir/nbd") == $((17 * 128)) ]] || fail "$(stat -c %b "$dir/nbd") blocks"
tar -cSf "$tmp/tar" -C "$dir" nbd
mkdir "$tmp/restored"
tar -xf "$tmp/tar" -C "$tmp/restored"
cmp "$dir/nbd" "$tmp/restored/nbd"
cp --sparse=auto "$dir/nbd" "$tmp/copy"
cmp "$dir/nbd" "$tmp/copy"
# Neither has read the holes, or written them.
(($(stat -c %s "$tmp/tar") < 1500000)) || fail "tar -S has $(stat -c %s "$tmp/tar") bytes"
(($(stat -c %b "$tmp/copy") < 3000)) || fail "the copy has $(stat -c %b "$tmp/copy") blocks"
# No data at all, and then some.
fallocate -p -l 16M "$dir/nbd"
tar -cSf "$tmp/tar" -C "$dir" nbd
tar -xf "$tmp/tar" -C "$tmp/restored"
cmp "$dir/nbd" "$tmp/restored/nbd"
echo x | dd of="$dir/nbd" bs=1M seek=15 conv=notrunc status=none
tar -cSf "$tmp/tar" -C "$dir" nbd
tar -xf "$tmp/tar" -C "$tmp/restored"
cmp "$dir/nbd" "$tmp/restored/nbd"
unmount_and_expect 0
