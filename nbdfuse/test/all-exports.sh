#!/usr/bin/env bash
# --all-exports: a directory with a file for each export, each connected to when it
# is first opened.
. "${0%/*}/lib.sh"

mkdir "$tmp/images"
truncate -s 1M "$tmp/images/one"
truncate -s 2M "$tmp/images/two%2"
for i in {1..60}; do truncate -s 4096 "$tmp/images/small$i"; done
clients() { find /proc/"$(cat "$tmp/server.pid")"/fd -lname 'socket:*' | wc -l; }
start_server file dir="$tmp/images"
start_nbdfuse --all-exports "$dir" --unix "$sock"
before=$(clients)
[[ $(find "$dir" -type f | wc -l) == 62 ]] || fail "$(ls "$dir")"
[[ $(stat -c %s "$dir/one" "$dir/two%252") == "1048576"$'\n'"2097152" ]] || fail "sizes: $(ls -l "$dir")"
[[ $(clients) == "$before" ]] || fail "a connection was made before a file was opened"
echo hello | dd of="$dir/one" conv=notrunc,fsync status=none
[[ $(head -n 1 "$tmp/images/one") == hello ]] || fail "not what was written"
(($(clients) > before)) || fail "no connection was made"
# What is opened at the same time by many is opened once and for all.
readers=()
for i in {1..8}; do
  cmp -n 1000 "$dir/two%252" /dev/zero &
  readers+=($!)
done
for pid in "${readers[@]}"; do wait "$pid" || fail "a read failed"; done
rm "$tmp/images/small7"
expect_error "Input/output error" cat "$dir/small7"
cat "$dir/small8" >"$tmp/small"
unmount_and_expect 0

start_nbdfuse --all-exports -r "$dir" "nbd+unix:///?socket=$sock"
[[ $(stat -c %a "$dir/one") == 444 ]] || fail "mode with -r"
unmount_and_expect 0
kill_server
start_server memory 1M # the default export
start_nbdfuse --all-exports "$dir" --unix "$sock"
[[ $(ls "$dir") == nbd ]] || fail "the default export is called $(ls "$dir")"
cmp -n 1000 "$dir/nbd" /dev/zero
unmount_and_expect 0
expect_error "must be a directory" "$nbdfuse" --all-exports "$dir/name" --unix "$sock"
