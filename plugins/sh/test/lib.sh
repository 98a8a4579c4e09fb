# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# For the scripts here: a folder of one's own, and servers that end with it.
set -euo pipefail

nbdkit=${NBDKIT:-$BUILD/bin/nbdkit}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/nbdkit-sh-XXXXXX")
server_pid=
cleanup() {
  if [ -n "$server_pid" ]; then
    { kill -KILL "$server_pid" && wait "$server_pid"; } 2>/dev/null || true
  fi
  rm -rf "$tmp"
}
trap cleanup EXIT

skip() { echo "skip: $*"; exit 77; }
fail() { echo "FAIL: $*" >&2; cat "$tmp"/log "$tmp"/io 2>/dev/null >&2 || true; exit 1; }
need() {
  for tool; do command -v "$tool" >/dev/null || skip "$tool is missing"; done
}
uri="nbd+unix:///?socket=$tmp/sock"
# start ARGUMENT...: a server on $uri, in the foreground for its messages.
start() {
  "$nbdkit" -f -U "$tmp/sock" -P "$tmp/pid" "$@" 2>"$tmp/log" &
  server_pid=$!
  for _ in {1..300}; do
    [ ! -s "$tmp/pid" ] || return 0
    sleep 0.1
  done
  fail "the server did not start"
}
said() { grep -qF -- "$1" "$tmp/log" || fail "no \"$1\" in the log"; }
# io ARGUMENT...: what qemu-io says is in $tmp/io.
io() { qemu-io -f raw "$@" "$uri" >"$tmp/io" 2>&1; }
io_said() { grep -q -- "$1" "$tmp/io" || fail "no \"$1\" in: $(cat "$tmp/io")"; }
