# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# For the scripts here: a folder of one's own, a server, a mount, and the end of
# all of them whatever happens. Servers and mounts are ended by process ID.
set -euo pipefail

nbdkit=${NBDKIT:-$BUILD/bin/nbdkit}
nbdfuse=$BUILD/bin/nbdfuse
tmp=$(mktemp -d "${TMPDIR:-/tmp}/nbdfuse-test-XXXXXX")
sock=$tmp/sock
dir=$tmp/dir
mkdir "$dir"
server_pid=
nbdfuse_pid=
# Sanitizers make everything slow; nothing here waits that long in vain.
patience=60

skip() { echo "skip: $*"; exit 77; }
fail() { echo "FAIL: $*" >&2; exit 1; }

cleanup() {
  local status=$?
  set +e
  trap - EXIT
  declare -F cleanup_more >/dev/null && cleanup_more
  for mounted in "$dir" "$tmp"/disk.img; do
    mountpoint -q "$mounted" && umount -l "$mounted"
  done
  for pid in $nbdfuse_pid $server_pid; do
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  if ((status != 0 && status != 77)); then
    for log in "$tmp"/*.log; do echo "--- $log"; tail -n 20 "$log"; done >&2
  fi
  rm -rf "$tmp"
  exit "$status"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

need() {
  local tool
  for tool; do command -v "$tool" >/dev/null || skip "$tool is missing"; done
}
need_loop() {
  need_root
  need losetup mount
  [[ -e /dev/loop-control ]] || skip "loop devices are missing (module loop)"
}
# can_mount TYPE: whether the kernel knows this file system
can_mount() {
  modprobe -q "$1" 2>/dev/null || true
  grep -qw "$1" /proc/filesystems
}
need_root() { ((EUID == 0)) || skip "must be root"; }

[[ -r /dev/fuse && -w /dev/fuse ]] || skip "/dev/fuse is missing (package fuse3)"
[[ -x $nbdkit ]] || skip "there is no server $nbdkit (set NBDKIT)"
need fusermount3

# until CONDITION...: waits for it, at most $patience seconds.
until_true() {
  local deadline=$((SECONDS + patience))
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# start_server [OPTIONS] PLUGIN ...: on $sock
start_server() {
  rm -f "$sock" "$tmp/server.pid"
  "$nbdkit" -f -U "$sock" -P "$tmp/server.pid" "$@" >"$tmp/server.log" 2>&1 &
  server_pid=$!
  until_true test -s "$tmp/server.pid" || fail "the server did not start"
}

kill_server() {
  kill -KILL "$server_pid"
  wait "$server_pid" 2>/dev/null || true
  server_pid=
}

# fsync_file FILE: without writing to it
fsync_file() { dd if=/dev/null of="$1" conv=notrunc,fsync status=none; }

# start_nbdfuse ARGS...: until it is mounted
start_nbdfuse() {
  rm -f "$tmp/nbdfuse.pid"
  "$nbdfuse" -P "$tmp/nbdfuse.pid" "$@" 2>"$tmp/nbdfuse.log" &
  nbdfuse_pid=$!
  until_true mounted_or_gone
  [[ -s $tmp/nbdfuse.pid ]] || fail "nbdfuse $* did not mount"
}
mounted_or_gone() { [[ -s $tmp/nbdfuse.pid ]] || ! kill -0 "$nbdfuse_pid" 2>/dev/null; }

# nbdfuse_status: its exit status; it must end within $patience seconds
nbdfuse_status() {
  local status=0
  # A zombie still has a PID: what counts is that it runs no more.
  until_true ended "$nbdfuse_pid" || fail "nbdfuse did not end"
  wait "$nbdfuse_pid" || status=$?
  nbdfuse_pid=
  echo "$status" >"$tmp/status"
}
ended() { ! [[ -e /proc/$1/stat ]] || [[ $(cut -d' ' -f3 "/proc/$1/stat" 2>/dev/null) == [ZX]* ]]; }

# unmount_and_expect STATUS
unmount_and_expect() {
  fusermount3 -u "$dir" || fail "fusermount3 -u failed"
  nbdfuse_status
  [[ $(cat "$tmp/status") == "$1" ]] || fail "exit status $(cat "$tmp/status"), expected $1"
  ! mountpoint -q "$dir" || fail "still mounted"
}

# expect_error TEXT COMMAND...: it fails and says TEXT
expect_error() {
  local text=$1
  shift
  if "$@" >"$tmp/out.log" 2>&1; then fail "$* succeeded, expected: $text"; fi
  grep -qF -- "$text" "$tmp/out.log" || fail "$* said: $(cat "$tmp/out.log"), expected: $text"
}
