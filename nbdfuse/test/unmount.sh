#!/usr/bin/env bash
# nbdfuse --unmount: of a directory, a file in it, a file that was mounted over; what
# was written is flushed before it is done. Nothing else is unmounted.
. "${0%/*}/lib.sh"
need jq

truncate -s 1M "$tmp/image"
start_server file "$tmp/image"
unmount_as() { # NAME MOUNTPOINT FILE
  rm -f "$tmp/stats"
  start_nbdfuse --stats="$tmp/stats" "$2" --unix "$sock"
  echo hello | dd of="$3" conv=notrunc status=none
  "$nbdfuse" --unmount "$1" || fail "--unmount $1"
  nbdfuse_status
  [[ $(cat "$tmp/status") == 0 ]] || fail "exit status $(cat "$tmp/status")"
  ! mountpoint -q "$dir" || fail "still mounted"
  # The one at the end of nbdfuse is not counted.
  [[ $(jq .flush.requests "$tmp/stats") == 1 ]] || fail "--unmount $1 did not flush"
}
unmount_as "$dir" "$dir" "$dir/nbd"
unmount_as "$dir/nbd" "$dir" "$dir/nbd"
unmount_as "$dir/" "$dir/disk" "$dir/disk"
echo before >"$tmp/disk.img"
unmount_as "$tmp/disk.img" "$tmp/disk.img" "$tmp/disk.img"
cd "$tmp"
unmount_as dir dir dir/nbd

start_nbdfuse --cache=writeback "$dir" --unix "$sock"
exec 5<>"$dir/nbd"
echo hello >&5
expect_error "Device or resource busy" "$nbdfuse" --unmount "$dir"
[[ $(head -n 1 "$tmp/image") == hello ]] || fail "not written back"
exec 5>&-
unmount_and_expect 0
expect_error "is no mount of nbdfuse" "$nbdfuse" --unmount "$dir"
expect_error "is no mount of nbdfuse" "$nbdfuse" --unmount /proc
expect_error "No such file or directory" "$nbdfuse" --unmount "$tmp/no/such"

# A mount whose nbdfuse was killed is dead, and goes too.
start_nbdfuse "$dir" --unix "$sock"
kill -KILL "$nbdfuse_pid"
wait "$nbdfuse_pid" 2>/dev/null || true
nbdfuse_pid=
expect_error "not connected" ls "$dir"
expect_error "server is gone is mounted here" "$nbdfuse" "$dir" --unix "$sock"
"$nbdfuse" --unmount "$dir" || fail "a dead mount stays"
! mountpoint -q "$dir" || fail "still mounted"
