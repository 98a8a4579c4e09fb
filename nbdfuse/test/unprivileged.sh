#!/usr/bin/env bash
# An ordinary user mounts by way of fusermount3: reads, writes, holes, both kinds of
# unmounting, signals, and what is refused. With allow_other others get in.
. "${0%/*}/lib.sh"
need_root # to become somebody else
need setpriv
fusermount=$(command -v fusermount3)
[[ -u $fusermount ]] || skip "$fusermount is not set-user-ID root"
as_user() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
as_user test -x "$nbdfuse" || skip "an ordinary user cannot reach $nbdfuse"

chmod 755 "$tmp"
chown 65534 "$dir"
start_server memory 16M
chmod 666 "$sock"
real_nbdfuse=$nbdfuse
cat >"$tmp/nbdfuse" <<S
#!/bin/sh
exec setpriv --reuid 65534 --regid 65534 --clear-groups "$real_nbdfuse" "\$@"
S
chmod 755 "$tmp/nbdfuse"
nbdfuse=$tmp/nbdfuse
mkdir -m 777 "$tmp/own"

mount_it() {
  rm -f "$tmp/own/pid"
  "$nbdfuse" -P "$tmp/own/pid" "$@" 2>"$tmp/nbdfuse.log" &
  nbdfuse_pid=$!
  until_true has_pid || fail "nbdfuse $* did not mount"
  [[ -s $tmp/own/pid ]] || fail "nbdfuse $* did not mount"
}
has_pid() { [[ -s $tmp/own/pid ]] || ended "$nbdfuse_pid"; }
ended_with() {
  nbdfuse_status
  [[ $(cat "$tmp/status") == "$1" ]] || fail "exit status $(cat "$tmp/status"), expected $1"
  ! mountpoint -q "$dir" || fail "still mounted"
}

head -c 5000000 /dev/urandom >"$tmp/data"
mount_it "$dir" --unix "$sock"
as_user dd if="$tmp/data" of="$dir/nbd" bs=1M conv=notrunc,fsync status=none
as_user cmp -n 5000000 "$tmp/data" "$dir/nbd"
as_user fallocate -p -l 65536 "$dir/nbd"
as_user cmp -n 65536 "$dir/nbd" /dev/zero
expect_error "Permission denied" cat "$dir/nbd" # root, to whom it does not belong
as_user fusermount3 -u "$dir"
ended_with 0
mount_it "$dir" --unix "$sock"
as_user "$real_nbdfuse" --unmount "$dir"
ended_with 0
mount_it "$dir" --unix "$sock"
kill -TERM "$nbdfuse_pid"
ended_with 0
mount_it "$dir" --unix "$sock"
kill_server
expect_error "Input/output error" as_user cat "$dir/nbd"
as_user fusermount3 -u "$dir"
ended_with 0
start_server memory 16M
chmod 666 "$sock"

mkdir "$tmp/not-ours"
expect_error "cannot mount at $tmp/not-ours" "$nbdfuse" "$tmp/not-ours" --unix "$sock"
expect_error "Permission denied" "$nbdfuse" -P "$tmp/not-ours/pid" "$dir" --unix "$sock"
! mountpoint -q "$dir" || fail "mounted although the pidfile could not be written"
if grep -qx user_allow_other /etc/fuse.conf; then
  mount_it -o allow_other,default_permissions "$dir" --unix "$sock"
  cmp -n 1000 "$dir/nbd" "$dir/nbd" || fail "others do not get in with allow_other"
  as_user fusermount3 -u "$dir"
  ended_with 0
else
  expect_error "user_allow_other" "$nbdfuse" -o allow_other "$dir" --unix "$sock"
fi
