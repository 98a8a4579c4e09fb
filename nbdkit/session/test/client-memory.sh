#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: what hostile clients can make the server take is bounded, in the handshake
# and after it, and others are served meanwhile. Method: 16 that do the worst,
# beside one that copies; the peak of the server's memory. The bounds are those
# of nbdkit-security(1) with room for what the C library keeps.
# shellcheck source=lib.sh
. "$SOURCE/nbdkit/server/test/lib.sh"
need python3 python3
need nbdcopy libnbd-bin
case ${SANITIZED-} in ?*) echo "skipped: sanitizers keep memory of their own"; exit 77 ;; esac

# bounded NAME ATTACK MOST_MIB ARGS...
bounded() {
  local name=$1 attack=$2 most=$3 taken; shift 3
  rm -f s
  start -U "$scratch/s" "$@"
  taken=$("$SOURCE/nbdkit/session/test/hostile-clients.py" "$scratch/s" "$server" "$attack" 16 </dev/null) ||
    fail "$name: the attack did not run"
  echo "$name: 16 clients made the server take $((taken / 1024)) MiB, at most $most expected"
  ((taken < most * 1024)) || fail "$name: $taken KiB"
  kill -TERM "$server"; wait "$server" || fail "$name: the server ended with status $?"
}
bounded "handshake" handshake 16 memory 64M
bounded "reads served in place" read 320 pattern 64M
bounded "reads with the workers" read 320 --filter=delay pattern 64M rdelay=1ms
bounded "writes served in place" write 320 null 64M
bounded "writes with the workers" write 320 --filter=delay null 64M wdelay=1ms

# While all of the budget is held, a client with requests of 256 KiB does not wait.
rm -f s
mkfifo hold
start -U "$scratch/s" pattern 64M
"$SOURCE/nbdkit/session/test/hostile-clients.py" "$scratch/s" "$server" read 16 <hold >taken &
attack=$!; started+=("$attack")
exec {hold}>hold
until_true 120 test -s taken
(($(cat taken) > 150 * 1024)) || fail "the attack took $(cat taken) KiB only"
timeout 60 nbdcopy --request-size=262144 "nbd+unix:///?socket=$scratch/s" null: ||
  fail "a client with small requests was kept waiting"
exec {hold}>&-
wait "$attack"
stop
