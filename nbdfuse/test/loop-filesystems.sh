#!/usr/bin/env bash
# ext4, xfs and btrfs on a loop device: files and trees come back as they were written,
# fstrim frees blocks of the server, and each one's own fsck finds nothing. Ten rounds
# of mounting leave no loop device, no process and no mount.
. "${0%/*}/lib.sh"
need_loop

loop=
cleanup_more() {
  mountpoint -q "$tmp/fs" && umount -l "$tmp/fs"
  [[ -z $loop ]] || losetup -d "$loop" 2>/dev/null
}
mkdir "$tmp/fs"

trimmed() { fstrim "$tmp/fs" && (($(stat -c %b "$tmp/image") < $1 - 20000)); }
check_fs() { # TYPE CHECK... : in 320 MiB, which xfs needs
  local type=$1
  rm -f "$tmp/image"
  truncate -s 320M "$tmp/image"
  start_server file "$tmp/image"
  start_nbdfuse --cache="$cache" "$dir" --unix "$sock"
  loop=$(losetup -f --show "$dir/nbd") || skip "no loop device is free"
  "mkfs.$type" -q "$loop"
  mount "$loop" "$tmp/fs"
  cp -r "$SOURCE/nbdfuse" "$tmp/fs/tree"
  head -c 30000000 /dev/urandom >"$tmp/fs/big"
  head -c 30000000 /dev/urandom >"$tmp/fs/gone"
  local sum
  sum=$(sha256sum <"$tmp/fs/big")
  sync -f "$tmp/fs"
  local before
  before=$(stat -c %b "$tmp/image")
  rm "$tmp/fs/gone"
  sync -f "$tmp/fs"
  # Again, as long as the file system still thinks about what was removed.
  until_true trimmed "$before" || fail "$type: fstrim freed too little of $before blocks"
  umount "$tmp/fs"
  mount -o ro "$loop" "$tmp/fs"
  [[ $(sha256sum <"$tmp/fs/big") == "$sum" ]] || fail "$type: the big file changed"
  diff -r "$SOURCE/nbdfuse" "$tmp/fs/tree" || fail "$type: the tree changed"
  umount "$tmp/fs"
  losetup -d "$loop"
  loop=
  "$nbdfuse" --unmount "$dir"
  nbdfuse_status
  [[ $(cat "$tmp/status") == 0 ]] || fail "$type: exit status $(cat "$tmp/status")"
  kill_server
  "${@:2}" "$tmp/image" >"$tmp/check.log" 2>&1 || fail "$type: $(cat "$tmp/check.log")"
  echo "$type with --cache=$cache"
}

done_any=
cache=none
for type in ext4 xfs btrfs; do
  if ! command -v "mkfs.$type" >/dev/null || ! can_mount "$type"; then
    echo "left out: $type (mkfs.$type is missing, or this kernel has no $type)"
    continue
  fi
  case $type in
    ext4) check=(e2fsck -fn) ;;
    xfs) check=(xfs_repair -n) ;;
    btrfs) check=(btrfs check -p) ;;
  esac
  check_fs "$type" "${check[@]}"
  done_any=yes
  cache=writeback
done
[[ -n $done_any ]] || skip "neither ext4, xfs nor btrfs can be made here"

start_server file "$tmp/image"
sockets() { find "/proc/$1/fd" -lname "socket:*" | wc -l; }
before=0 # what it has after the first of them
for round in {1..10}; do
  start_nbdfuse "$dir" --unix "$sock"
  mount -o loop,ro "$dir/nbd" "$tmp/fs"
  umount "$tmp/fs"
  "$nbdfuse" --unmount "$dir"
  nbdfuse_status
  [[ $(cat "$tmp/status") == 0 ]] || fail "round $round: exit status $(cat "$tmp/status")"
  ((before > 0)) || { sleep 0.2; before=$(sockets "$server_pid"); }
done
no_more_sockets() { (($(sockets "$server_pid") <= before)); }
until_true no_more_sockets || fail "the server has $(sockets "$server_pid") sockets, and had $before"
! grep " $tmp" /proc/mounts || fail "something is mounted still"
! losetup -a | grep -F "$dir" || fail "a loop device is left"
