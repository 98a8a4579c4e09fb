#!/usr/bin/env bash
# Under a limit of memory much smaller than what is written, ext4 on a loop device
# goes on: nobody in the way of its writes waits for memory that they would free.
. "${0%/*}/lib.sh"
need_loop
need mkfs.ext4
[[ -z ${SANITIZED-} ]] || skip "a sanitizer needs more memory than the limit"

limit=$((48 << 20))
group=
loop=
cleanup_more() {
  mountpoint -q "$tmp/fs" && umount -l "$tmp/fs"
  [[ -z $loop ]] || losetup -d "$loop" 2>/dev/null
  [[ -z $group ]] || until_true rmdir "$group" 2>/dev/null
}
# Version 2, where its own memory controller may be used, or 1.
v2=$(findmnt -rnt cgroup2 -o TARGET | head -n 1)
v1=$(findmnt -rnt cgroup -O memory -o TARGET | head -n 1)
if [[ -n $v2 ]] && grep -qw memory "$v2/cgroup.subtree_control" 2>/dev/null; then
  group=$v2/nbdfuse-test-$$ limit_file=memory.max peak=memory.events
elif [[ -n $v1 ]]; then
  group=$v1/nbdfuse-test-$$ limit_file=memory.limit_in_bytes peak=memory.failcnt
fi
if [[ -z $group ]] || ! mkdir "$group" 2>/dev/null || ! echo "$limit" >"$group/$limit_file"; then
  group=
  skip "no memory controller of cgroups may be used here"
fi
in_group() { # COMMAND...: it and what it starts
  # shellcheck disable=SC2016
  bash -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@"
}

truncate -s 512M "$tmp/image"
mkdir "$tmp/fs"
start_server file "$tmp/image"
# The writer and nbdfuse share the limit; the server stands for another machine.
real=$nbdfuse
cat >"$tmp/nbdfuse" <<S
#!/bin/bash
echo \$\$ >"$group/cgroup.procs" && exec "$real" "\$@"
S
chmod +x "$tmp/nbdfuse"
nbdfuse=$tmp/nbdfuse
start_nbdfuse --cache=writeback "$dir" --unix "$sock"
loop=$(losetup -f --show "$dir/nbd") || skip "no loop device is free"
mkfs.ext4 -q -E lazy_itable_init=1 "$loop"
mount "$loop" "$tmp/fs"
head -c 1000000 /dev/urandom >"$tmp/data"
# shellcheck disable=SC2016  # for the shell in the group
in_group timeout "$patience" bash -c '
  for i in {1..200}; do cat "$1"; done >"$2/big" && sync "$2/big"' write "$tmp/data" "$tmp/fs" ||
  fail "writing 200 MB did not end well"
case $peak in
  memory.events) hit=$(awk '$1 == "max" { print $2 }' "$group/$peak") ;;
  *) hit=$(cat "$group/$peak") ;;
esac
((hit > 0)) || fail "the limit was never met, so this has shown nothing"
echo 3 >/proc/sys/vm/drop_caches
for i in 0 99 199; do
  cmp -n 1000000 -i 0:$((i * 1000000)) "$tmp/data" "$tmp/fs/big" || fail "part $i is not what was written"
done
umount "$tmp/fs"
losetup -d "$loop"
loop=
"$real" --unmount "$dir"
nbdfuse_status
[[ $(cat "$tmp/status") == 0 ]] || fail "exit status $(cat "$tmp/status")"
echo "the limit was met $hit times"
