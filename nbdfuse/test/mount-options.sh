#!/usr/bin/env bash
# -o: lists separated by commas, owner, mode, and a directory that others may enter
# where that is allowed.
. "${0%/*}/lib.sh"
need_root
need setpriv

start_server memory 1M
chmod 755 "$tmp"
start_nbdfuse -o allow_other,default_permissions,uid=12,gid=34 -o umask=0022,noatime,fsname=disk \
  -o clone_fd,max_threads=4,max_idle_threads=2 \
  "$dir" --unix "$sock"
[[ $(stat -c '%u %g %a' "$dir/nbd") == "12 34 644" ]] || fail "$(stat "$dir/nbd")"
[[ $(stat -c '%u %g %a' "$dir") == "12 34 755" ]] || fail "$(stat "$dir")"
grep "^disk $dir fuse.nbdfuse .*noatime" /proc/mounts >/dev/null || fail "$(grep "$dir" /proc/mounts)"
setpriv --reuid 65534 --clear-groups cmp -n 1000 "$dir/nbd" /dev/zero || fail "others cannot read"
expect_error "Permission denied" setpriv --reuid 65534 --clear-groups dd if=/dev/zero of="$dir/nbd" count=1
setpriv --reuid 12 --clear-groups dd if=/dev/zero of="$dir/nbd" count=1 conv=notrunc status=none
unmount_and_expect 0
