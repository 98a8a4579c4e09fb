#!/usr/bin/env bash
# --cache: with none, what another client writes is seen at once; with writeback,
# writes gather in the kernel and are on the server after fsync, close and unmounting.
. "${0%/*}/lib.sh"
need jq qemu-img

truncate -s 16M "$tmp/image"
start_server file "$tmp/image"
# Written through, as always if nothing is said.
start_nbdfuse "$dir" --unix "$sock"
exec 5<>"$dir/nbd"
echo hello >&5
[[ $(head -n 1 "$tmp/image") == hello ]] || fail "not written through"
exec 5>&-
unmount_and_expect 0

start_nbdfuse --cache=none "$dir" --unix "$sock"
exec 5<"$dir/nbd"
for word in first other; do
  echo "$word" | dd of="$tmp/image" conv=notrunc status=none
  [[ $(dd if="/proc/self/fd/5" bs=6 count=1 status=none) == "$word" ]] || fail "stale: not $word"
done
exec 5<&-
dd if=/dev/urandom of="$dir/nbd" bs=12345 count=100 conv=notrunc status=none
cmp "$dir/nbd" "$tmp/image"
unmount_and_expect 0

start_nbdfuse --cache=writeback --stats="$tmp/stats" "$dir" --unix "$sock"
exec 5<>"$dir/nbd" # closing a descriptor writes back
head -c 65536 /dev/urandom >"$tmp/data"
dd if="$tmp/data" of="$dir/nbd" bs=64 conv=notrunc,fsync status=none
cmp -n 65536 "$tmp/data" "$tmp/image" || fail "not there after fsync"
echo "the end" >&5
exec 5>&-
grep -qax "the end" "$tmp/image" || fail "not there after close"
# Holes are as the server has them after what the kernel held has gone there.
fallocate -p -l 16M "$dir/nbd"
exec 5<>"$dir/nbd"
head -c 65536 /dev/urandom >&5
cp --sparse=always "$dir/nbd" "$tmp/copy"
qemu-img compare -q -f raw -F raw "$dir/nbd" "$tmp/copy" || fail "the copy lacks what was not flushed"
exec 5>&-
cmp "$dir/nbd" "$tmp/image"
unmount_and_expect 0
[[ $(jq '.write.requests < 100' "$tmp/stats") == true ]] || fail "not gathered: $(cat "$tmp/stats")"
expect_error 'none, writethrough, writeback' "$nbdfuse" --cache=no "$dir" --unix "$sock"
