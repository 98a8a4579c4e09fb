#!/usr/bin/env bash
# The server's errno reaches who reads and writes the file.
. "${0%/*}/lib.sh"

check() {
  start_server --filter=error memory 1M error="$1" error-rate=100%
  start_nbdfuse "$dir" --unix "$sock"
  expect_error "$2" dd if="$dir/nbd" of=/dev/null bs=4096 count=1 iflag=direct
  expect_error "$2" dd if=/dev/zero of="$dir/nbd" bs=4096 count=1 oflag=direct conv=notrunc
  fusermount3 -u "$dir"
  nbdfuse_status
  kill "$server_pid"
  wait "$server_pid" || true
}

check EIO "Input/output error"
check EPERM "Operation not permitted"
check ENOSPC "No space left on device"
check ENOMEM "Cannot allocate memory"
