#!/usr/bin/env bash
# The commands of nbdkit-loop(1), as printed there. (A file system over xz and curl is
# loop-squashfs.sh.)
. "${0%/*}/lib.sh"
need_loop
need mkfs.ext4 e2fsck sfdisk lsblk fstrim badblocks

cleanup_more() {
  for mounted in $(findmnt -rno TARGET | grep "^$tmp/" | sort -r); do umount -l "$mounted"; done
}
# findmnt and losetup write to where the page's folder is.
TMPDIR=$tmp PAGE=docs/nbdkit-loop.pod "$SOURCE/docs/examples-test.sh"
! grep " $tmp" /proc/mounts || fail "something is mounted still"
! losetup -a | grep -F "$tmp" || fail "a loop device is left"
