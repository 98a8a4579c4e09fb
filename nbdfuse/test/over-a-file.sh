#!/usr/bin/env bash
# Mounted over a plain file, the file is the export; afterwards it is what it was.
. "${0%/*}/lib.sh"

echo before >"$tmp/disk.img"
start_server memory 1M
start_nbdfuse "$tmp/disk.img" --unix "$sock"
[[ $(stat -c %s "$tmp/disk.img") == 1048576 ]] || fail "wrong size"
echo hello | dd of="$tmp/disk.img" conv=notrunc status=none
[[ $(head -n 1 "$tmp/disk.img") == hello ]] || fail "not what was written"
fusermount3 -u "$tmp/disk.img"
nbdfuse_status
[[ $(cat "$tmp/status") == 0 ]] || fail "exit status $(cat "$tmp/status")"
[[ $(cat "$tmp/disk.img") == before ]] || fail "the file changed"

start_nbdfuse "$tmp/disk.img" --unix "$sock"
kill -TERM "$nbdfuse_pid"
nbdfuse_status
[[ $(cat "$tmp/status") == 0 && $(cat "$tmp/disk.img") == before ]] || fail "after SIGTERM"
