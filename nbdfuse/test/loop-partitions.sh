#!/usr/bin/env bash
# losetup -P: the partitions of the export are devices; two file systems in them do
# not disturb each other.
. "${0%/*}/lib.sh"
need_loop
need mkfs.ext4 e2fsck sfdisk partx

loop=
cleanup_more() {
  for fs in "$tmp"/fs?; do mountpoint -q "$fs" && umount -l "$fs"; done
  [[ -z $loop ]] || losetup -d "$loop"
}
mkdir "$tmp/fs1" "$tmp/fs2"
start_server memory 64M
start_nbdfuse "$dir" --unix "$sock"
printf '%s\n' size=20M size=30M | sfdisk -q -X gpt "$dir/nbd"
loop=$(losetup -f -P --show "$dir/nbd") || skip "no loop device is free"
# A kernel without CONFIG_EFI_PARTITION is told by partx.
patience=2 until_true test -b "${loop}p2" || partx -a "$loop" || true
patience=2 until_true test -b "${loop}p2" || skip "no devices for partitions appear here (devtmpfs)"
for i in 1 2; do
  mkfs.ext4 -q "${loop}p$i"
  mount "${loop}p$i" "$tmp/fs$i"
done
writers=()
for i in 1 2; do
  (yes "$i" | head -c 10000000 >"$tmp/fs$i/file") &
  writers+=($!)
done
for pid in "${writers[@]}"; do wait "$pid" || true; done # yes ends by SIGPIPE
for i in 1 2; do
  umount "$tmp/fs$i"
  e2fsck -fn "${loop}p$i" >/dev/null 2>&1 || fail "partition $i is damaged"
  mount -o ro "${loop}p$i" "$tmp/fs$i"
  [[ $(sort -u "$tmp/fs$i/file" | head -n 1) == "$i" ]] || fail "partition $i has something else"
  umount "$tmp/fs$i"
done
losetup -d "$loop"
loop=
"$nbdfuse" --unmount "$dir"
nbdfuse_status
[[ $(cat "$tmp/status") == 0 ]] || fail "exit status $(cat "$tmp/status")"
