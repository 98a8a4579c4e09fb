#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A guest as its user sees it: what is carried in and out, and that every end of it is one: a time
# limit, a panic, a signal to testkit, testkit killed. Each guest takes 1.4 s with User Mode Linux.
set -u
testkit=$BUILD/bin/testkit
work=$(mktemp -d)
export TMPDIR=$work/tmp
mkdir "$TMPDIR" "$work/kept"
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

fail() { echo "FAIL: $*"; failures=$((failures + 1)); }
# guest STATUS ARGS...: its output is in the files out and err
guest() {
  local status=$1 got=0
  shift
  "$testkit" vm "$@" >out 2>err </dev/null || got=$?
  [ $got = "$status" ] || { fail "vm $*: expected status $status, got $got"; tail -n 5 err; }
}
said() { grep -qF -- "$2" "$1" || fail "no \"$2\" in: $(cat "$1")"; }
# nothing_left: no process of a guest, no folder
nothing_left() {
  local left
  for _ in $(seq 100); do
    left=$(pgrep -f "$TMPDIR/tkvm"; ls -A "$TMPDIR")
    [ -z "$left" ] && return
    sleep 0.05
  done
  fail "left over: $left"
}

status=0
"$testkit" vm -- true 2>err || status=$?
if [ $status != 0 ]; then
  echo "skipped: no guest can be booted here: $(tail -n 1 err)"
  exit 77
fi

export FROM_OUTSIDE="a value"
# shellcheck disable=SC2016  # for the guest's shell
guest 7 --share "$work/kept" --cd "$work/kept" -- sh -c '
  printf "%s\n" "$FROM_OUTSIDE" "$PWD" "$1" "$2"; echo to stderr >&2
  test -b /dev/nbd0 && grep -q vsock_loopback /proc/modules && test -c /dev/fuse && echo modules
  modprobe dm-crypt && grep -q ^dm_crypt /proc/modules && echo modprobe
  echo stays >file; echo goes >"$TMPDIR/file"; exit 7' sh "two words" $'two\nlines'
printf '%s\n' "a value" "$work/kept" "two words" $'two\nlines' modules modprobe >expected
cmp out expected || fail "the guest's output: $(cat out)"
[ "$(cat err)" = "to stderr" ] || fail "the guest's stderr: $(cat err)"
[ "$(cat kept/file)" = stays ] || fail "a share that does not keep its file"
[ ! -e "$TMPDIR/file" ] || fail "a file of the guest is in the host's folder"

guest 127 -- no-such-program
said err "no-such-program: No such file or directory"
head -c 3000000 /dev/urandom >bytes
# shellcheck disable=SC2016
guest 137 -- sh -c 'cat bytes; sleep 1000 & kill -9 $$'
cmp out bytes || fail "bytes are changed on their way out"

guest 124 --timeout 1s -- sleep 1000
said err "the command was stopped after 1 s"
guest 125 -- sh -c 'echo c >/proc/sysrq-trigger'
said err "the guest's kernel panicked: sysrq triggered crash"
nothing_left

# stopped_by SIGNAL STATUS: testkit gets it while the guest's command runs
stopped_by() {
  "$testkit" vm --share "$work/kept" -- sh -c 'echo >kept/runs; sleep 1000' 2>err &
  local pid=$! got=0
  for _ in $(seq 600); do [ -e kept/runs ] && break; sleep 0.1; done
  kill "-$1" $pid
  wait $pid || got=$?
  [ $got = "$2" ] || fail "after SIG$1: expected status $2, got $got"
  rm kept/runs
  nothing_left
}
stopped_by TERM 143
stopped_by KILL 137 2>/dev/null

guest 125
said err "no command"
guest 125 --share "$work/nowhere" -- true
said err "--share $work/nowhere: No such file or directory"
TESTKIT_VM_BACKEND=xen guest 125 -- true
said err 'unknown back end "xen"'
exit $((failures > 0))
