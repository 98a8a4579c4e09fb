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

# The command ends with the server, with all that it has started; it had our
# keyboard until then, being in our process group.
cat >tree <<'END'
#!/bin/bash
echo $$ >>"$1"
sh -c 'echo $$ >>'"$1"'; sleep 600 & echo $! >>'"$1"'; wait' &
ps -o pgid= -p $$ >group
wait; echo not reached
END
chmod +x tree
"$NBDKIT" -P "$scratch/pid" memory 1M --run "./tree $scratch/pids; true" >out & server=$!; started+=("$server")
lines_in() { [[ -s $1 && $(wc -l <"$1") -eq $2 ]]; }
until_true 20 lines_in pids 3
equal "process group" "$(ps -o pgid= -p "$server")" "$(cat group)"
kill -TERM "$server"
status=0; wait "$server" 2>/dev/null || status=$?
equal "status of a command that was ended" 143 "$status"
for pid in $(cat pids); do until_true 10 gone "$pid"; done
equal "what the command said" '' "$(cat out)"
equal "temporary folders" '' "$(ls t)"

# One that does not want to end has some seconds, and its own last word.
# shellcheck disable=SC2016
"$NBDKIT" -P "$scratch/pid3" memory 1M --run 'trap "exit 3" TERM; echo >ready; while :; do sleep 0.1; done' &
server=$!; started+=("$server")
until_true 20 test -e ready
kill -TERM "$server"
status=0; wait "$server" || status=$?
equal "status of a command that ends by itself" 3 "$status"

# A server that a plugin ends does not take its command with it.
cat >leaving.c <<'END'
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
static void *open_ (int readonly) { return NBDKIT_HANDLE_NOT_NEEDED; }
static void close_ (void *h) { nbdkit_shutdown (); }
static int64_t size (void *h) { return 512; }
static int pread_ (void *h, void *b, uint32_t c, uint64_t o, uint32_t f) { return 0; }
static struct nbdkit_plugin plugin = {
  .name = "leaving", .open = open_, .close = close_, .get_size = size, .pread = pread_,
};
NBDKIT_REGISTER_PLUGIN (plugin)
END
gcc -shared -fPIC -I"$SOURCE/nbdkit/include" leaving.c -o leaving.so
# shellcheck disable=SC2016
status=0; "$NBDKIT" ./leaving.so --run 'nbdinfo --size "$uri"
  until ! nbdinfo --size "$uri" 2>/dev/null >&2; do sleep 0.1; done; echo alone; exit 4' >out || status=$?
equal "the command after the server" "512 alone" "$(tr '\n' ' ' <out | sed 's/ $//')"
equal "its status" 4 "$status"

# -4, -6 and -p ask for TCP; -U - for a private socket as without it.
# shellcheck disable=SC2016
equal "-U -" 1048576 "$("$NBDKIT" -U - memory 1M --run 'nbdinfo --size "$nbd"')"
# shellcheck disable=SC2016
equal "-4" 1048576 "$("$NBDKIT" -4 -p 0 memory 1M --run 'test -z "$unixsocket" && nbdinfo --size "$nbd"')"
# Not in its environment.
equal "environment" '' "$("$NBDKIT" memory 1M --run 'env | grep -E "^(uri|nbd|port|unixsocket|exportname)="')"
