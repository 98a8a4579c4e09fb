#!/usr/bin/env bash
# Where an nbdfuse is mounted already another one is refused with one sentence and
# status 1, in the directory, over the file in it and over a plain file; and the
# first goes on serving.
. "${0%/*}/lib.sh"

refused() {  # TEXT MOUNTPOINT
  local status=0
  timeout "$patience" "$nbdfuse" "$2" --unix "$sock" >"$tmp/out.log" 2>&1 || status=$?
  [[ $status == 1 ]] || fail "nbdfuse $2: exit status $status: $(cat "$tmp/out.log")"
  grep -qF -- "$1" "$tmp/out.log" || fail "nbdfuse $2: $(cat "$tmp/out.log")"
  [[ $(wc -l <"$tmp/out.log") == 1 ]] || fail "nbdfuse $2: more than a line: $(cat "$tmp/out.log")"
  [[ $(grep -c " $tmp" /proc/mounts) == 1 ]] || fail "nbdfuse $2: not one mount"
}

start_server memory 1M
start_nbdfuse "$dir" --unix "$sock"
refused "mount point $dir: an nbdfuse is mounted here already" "$dir"
refused "mount point $dir/nbd: an nbdfuse is mounted here already" "$dir/nbd"
refused "mount point $dir/other: an nbdfuse is mounted here already" "$dir/other"
exec 3<"$dir/nbd"
refused "already" "$dir"
exec 3<&-
cmp -n 1048576 "$dir/nbd" /dev/zero || fail "the first does not serve any more"
unmount_and_expect 0

echo plain >"$tmp/disk.img"
start_nbdfuse "$tmp/disk.img" --unix "$sock"
refused "mount point $tmp/disk.img: an nbdfuse is mounted here already" "$tmp/disk.img"
umount "$tmp/disk.img" 2>/dev/null || fusermount3 -u "$tmp/disk.img"
nbdfuse_status
[[ $(cat "$tmp/status") == 0 && $(cat "$tmp/disk.img") == plain ]] || fail "the plain file"
