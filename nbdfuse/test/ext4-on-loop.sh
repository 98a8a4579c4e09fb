#!/usr/bin/env bash
# A file system on a loop device on the mounted file: written, unmounted, and
# found sound by e2fsck, through the file and in the server's own image.
. "${0%/*}/lib.sh"
need_root
need mkfs.ext4 e2fsck losetup
[[ -e /dev/loop-control ]] || skip "loop devices are missing (module loop)"

loop=
cleanup_more() {
  mountpoint -q "$tmp/fs" && umount -l "$tmp/fs"
  [[ -z $loop ]] || losetup -d "$loop"
}

truncate -s 256M "$tmp/image"
mkdir "$tmp/fs"
start_server file "$tmp/image"
start_nbdfuse "$dir" --unix "$sock"

loop=$(losetup -f --show "$dir/nbd") || skip "no loop device is free"
mkfs.ext4 -q "$loop"
mount "$loop" "$tmp/fs"
cp -r "$SOURCE/nbdfuse" "$tmp/fs/tree"
head -c 30000000 /dev/urandom >"$tmp/fs/big"
rm "$tmp/fs/tree/main.cpp"
sum=$(sha256sum <"$tmp/fs/big")
fstrim "$tmp/fs"
umount "$tmp/fs"
e2fsck -fn "$loop"

mount -o ro "$loop" "$tmp/fs"
[[ $(sha256sum <"$tmp/fs/big") == "$sum" ]] || fail "the big file changed"
diff -r -x main.cpp "$SOURCE/nbdfuse" "$tmp/fs/tree"
umount "$tmp/fs"
losetup -d "$loop"
loop=
# The last close of a loop device may come a moment later.
until_true fusermount3 -u "$dir" || fail "cannot unmount"
nbdfuse_status
[[ $(cat "$tmp/status") == 0 ]] || fail "exit status $(cat "$tmp/status")"
e2fsck -fn "$tmp/image"
