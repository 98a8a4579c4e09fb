#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Without -f the server forks: its parent returns when clients can connect, and
# with status 1 and the message if it never comes so far.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

"$NBDKIT" -U "$scratch/sock" -P pid memory 1M
server=$(cat pid); started+=("$server")
equal size 1048576 "$(nbdinfo --size "nbd+unix:///?socket=$scratch/sock")"
equal "folder of the server" / "$(readlink "/proc/$server/cwd")"
for fd in 0 1 2; do equal "fd $fd" /dev/null "$(readlink "/proc/$server/fd/$fd")"; done
[[ $(ps -o sid= -p "$server") -eq $server ]] || fail "not in a session of its own"

kill -TERM "$server"
until_true 10 eval "! kill -0 $server 2>/dev/null"
[[ -S sock ]] || fail "the socket is the user's: it stays"
[[ -s pid ]] || fail "the PID file stays"

# whoever waits for the end of its output does not wait for the server
out=$(timeout 10 "$NBDKIT" -U "$scratch/sock2" -P pid2 memory 1M) || fail "the server kept stdout"
started+=("$(cat pid2)"); equal "output" '' "$out"

status=0; "$NBDKIT" -U "$scratch/sock" memory 1M 2>err || status=$?
equal "status when the socket is taken" 1 "$status"
grep -q 'Address already in use' err || fail "no reason: $(cat err)"
