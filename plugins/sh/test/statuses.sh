#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every exit status, and the errors that a script names.
. "${0%/*}/lib.sh"
need qemu-io

# What a write does is in the file that the script reads.
# shellcheck disable=SC2016 # the script's variables
start eval get_size="echo 1M" pread='head -c $3 /dev/zero' \
  config='ln -s "$3" "$tmpdir/do"' pwrite='cat >/dev/null; . "$tmpdir/do"' status="$tmp/do"

expect() {  # expect SCRIPT WORDS
  echo "$1" >"$tmp/do"
  io -c 'w 0 512' || true
  io_said "$2"
}
expect 'exit 0' 'wrote 512/512'
expect 'echo ENOSPC too full >&2; exit 1' 'No space left'
said 'pwrite: too full'
expect 'echo EPERM >&2; exit 9' 'Operation not permitted'
expect 'echo something broke >&2; exit 1' 'Input/output error'
said 'pwrite: something broke'
expect 'echo ENOSPC >&2; exit 0' 'wrote 512/512'
expect 'exit 2' 'Input/output error'
expect 'exit 3' 'Input/output error'
expect 'kill -KILL $$' 'Input/output error'
said 'pwrite: the script was killed by SIGKILL'
expect 'exit 6' 'failed'
expect 'exit 7' 'wrote 512/512'
expect 'echo ENOSPC >&2; exit 8' 'No space left'
echo 'exit 7' >"$tmp/do"
io -c 'w 0 512' -c 'r 0 512' || true
io_said 'read failed'
kill -0 "$server_pid" || fail "the server has gone too early"
echo 'echo ENOSPC >&2; exit 5' >"$tmp/do"
io -c 'w 0 512' || true
io_said 'No space left'
wait "$server_pid" || fail "status 5: exit $?"
server_pid=
