#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --run: the command's variables, streams and exit status, and nothing left over.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

mkdir t; export TMPDIR="$scratch/t"  # where private sockets are made
# shellcheck disable=SC2016  # the server sets these variables
"$NBDKIT" -e 'my export' memory 1M --run 'echo "$uri|$nbd|$port|$unixsocket|$exportname"' >out
IFS='|' read -r uri nbd port unixsocket exportname <out
equal '$nbd' "$uri" "$nbd"
equal '$uri' "nbd+unix:///my%20export?socket=$unixsocket" "$uri"
equal '$port' '' "$port"
equal '$exportname' 'my export' "$exportname"
[[ ! -e $unixsocket ]] || fail "the private socket is left over"
equal "temporary folders" '' "$(ls t)"

# shellcheck disable=SC2016
"$NBDKIT" -p 0 memory 1M --run 'nbdinfo --size "nbd://localhost:$port"; nbdinfo --size "$uri"' >out
equal "sizes over TCP" "1048576 1048576" "$(tr '\n' ' ' <out | sed 's/ $//')"

equal "what the command reads" hello "$(echo hello | "$NBDKIT" memory 1M --run cat)"
status=0; "$NBDKIT" memory 1M --run 'exit 7' || status=$?
equal "status of the command" 7 "$status"
# shellcheck disable=SC2016
status=0; "$NBDKIT" memory 1M --run 'kill -9 $$' || status=$?
equal "status of a command that was killed" 137 "$status"
