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
