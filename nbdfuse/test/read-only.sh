#!/usr/bin/env bash
# With -r, and of a server that is read-only: mode 0444, and writes are EROFS.
. "${0%/*}/lib.sh"

check() {
  [[ $(stat -c %a "$dir/nbd") == 444 ]] || fail "mode $(stat -c %a "$dir/nbd")"
  expect_error "Read-only file system" dd if=/dev/zero of="$dir/nbd" count=1 conv=notrunc
  expect_error "Read-only file system" fallocate -p -l 4096 "$dir/nbd"
  cmp -n 1000000 "$dir/nbd" /dev/zero
  unmount_and_expect 0
}

start_server memory 1M
start_nbdfuse -r "$dir" --unix "$sock"
check
start_nbdfuse -o ro "$dir" --unix "$sock"
check
kill "$server_pid"
wait "$server_pid" || true
start_server -r memory 1M
start_nbdfuse "$dir" --unix "$sock"
check
