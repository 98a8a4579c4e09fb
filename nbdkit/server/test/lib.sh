# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Sourced by the scripts beside it: a scratch folder that goes with the script,
# and the words for checking.
set -euo pipefail

NBDKIT="$BUILD/bin/nbdkit"
scratch=$(mktemp -d /tmp/nbdkit-test.XXXXXX)
started=()

clean_up() {
  local pid
  for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap clean_up EXIT
cd "$scratch"

fail() { echo "FAIL: $*" >&2; exit 1; }
need() { # need PROGRAM PACKAGE
  command -v "$1" >/dev/null || { echo "skipped: $1 is missing (Debian package $2)"; exit 77; }
}
equal() { # equal WHAT EXPECTED ACTUAL
  [[ "$2" == "$3" ]] || fail "$1: expected \"$2\", got \"$3\""
}
# until_true SECONDS COMMAND...: polls
until_true() {
  local deadline=$((SECONDS + $1)); shift
  until "$@"; do ((SECONDS < deadline)) || fail "never true: $*"; sleep 0.02; done
}
# start ARGS...: a server in the foreground, ready; its process is $server
start() {
  rm -f pid
  "$NBDKIT" -f -P "$scratch/pid" "$@" &
  server=$!; started+=("$server")
  until_true 20 test -s pid
}
# stop: ends it as users do; its exit status must be 0
stop() {
  kill -TERM "$server"
  local status=0; wait "$server" || status=$?
  equal "exit status of the server" 0 "$status"
}
# started_in_background FILE: the server whose PID file that is; ended with the test
started_in_background() { server=$(cat "$1"); started+=("$server"); }
# refused WORDS ARGS...: the server does not start, and says why in one sentence
refused() {
  local words=$1 status=0; shift
  "$NBDKIT" "$@" >out 2>err </dev/null || status=$?
  equal "status of nbdkit $*" 1 "$status"
  grep -qF -- "$words" err || fail "nbdkit $*: no \"$words\" in: $(cat err)"
  grep -q '^nbdkit.*: error: ' err || fail "nbdkit $*: not an error message: $(cat err)"
  [[ ! -s out ]] || fail "nbdkit $*: something on stdout: $(cat out)"
}
# gone PID: it has ended; who inherited it may take its time to notice
gone() { [[ $(ps -o stat= -p "$1") =~ ^(Z.*)?$ ]]; }
