#!/usr/bin/env bash
# What tools do to a file besides reading and writing it is quiet, and the
# directory can be entered.
. "${0%/*}/lib.sh"

start_server memory 1M
start_nbdfuse "$dir" --unix "$sock"
[[ $(stat -c %a "$dir") == 755 ]] || fail "mode of the directory: $(stat -c %a "$dir")"
[[ $(stat -c '%a %h %b' "$dir/nbd") == "666 1 1" ]] || fail "$(stat "$dir/nbd")"
[[ $(find "$dir" -mindepth 1) == "$dir/nbd" ]] || fail "find: $(find "$dir")"
[[ $(stat -f -c '%b %S %f' "$dir") == "2048 512 0" ]] || fail "$(stat -f "$dir")"
touch -d 2001-02-03 "$dir/nbd"
[[ $(date -r "$dir/nbd" +%Y) == 2001 ]] || fail "touch -d"
echo x | dd of="$dir/nbd" conv=notrunc status=none
[[ $(date -r "$dir/nbd" +%Y) != 2001 ]] || fail "a write does not change the time"
truncate -s 1M "$dir/nbd"
expect_error "Operation not permitted" truncate -s 2M "$dir/nbd"
expect_error "Operation not permitted" chmod 600 "$dir/nbd"
head -c 1048576 /dev/urandom >"$tmp/data"
cp "$tmp/data" "$dir/nbd" # with O_TRUNC, which a disk does not heed
cmp "$tmp/data" "$dir/nbd"
expect_error "" rm "$dir/nbd"
expect_error "" touch "$dir/other"
unmount_and_expect 0
