#!/usr/bin/env bash
# A signal while the file is open: out of sight at once, served until it is
# closed; a second signal ends it anyway.
. "${0%/*}/lib.sh"

gone_from_sight() { ! mountpoint -q "$dir"; }

start_server memory 1M
start_nbdfuse "$dir" --unix "$sock"
exec 5<>"$dir/nbd"
kill -TERM "$nbdfuse_pid"
until_true gone_from_sight || fail "still mounted"
echo hello >&5
dd bs=6 count=1 skip=0 status=none <&5 >/dev/null
ended "$nbdfuse_pid" && fail "ended while the file is open"
exec 5>&-
nbdfuse_status
[[ $(cat "$tmp/status") == 0 ]] || fail "exit status $(cat "$tmp/status")"

start_nbdfuse "$dir" --unix "$sock"
exec 5<>"$dir/nbd"
kill -TERM "$nbdfuse_pid"
until_true gone_from_sight || fail "still mounted"
kill -TERM "$nbdfuse_pid"
nbdfuse_status
[[ $(cat "$tmp/status") == 1 ]] || fail "second signal: exit status $(cat "$tmp/status")"
exec 5>&-
