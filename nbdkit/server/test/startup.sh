#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What goes wrong at the start is said where the server was started, and a signal
# ends a start that takes too long; nothing stays behind.
. "${BASH_SOURCE%/*}/lib.sh"

mkdir t; export TMPDIR=$scratch/t
plugin=(eval get_size='echo 1M' pread=:)

# Into the background: each step that can fail.
# The child that has told why cleans up while its parent ends.
nothing_is_left() { [[ ! -e sock && -z $(ls t) ]]; }
fails() { # fails WORDS ARGS...
  refused "$@"
  until_true 20 nothing_is_left
}
fails 'no such luck' -U sock "${plugin[@]}" config_complete='echo no such luck >&2; exit 1'
fails 'no such luck' -U sock "${plugin[@]}" get_ready='echo no such luck >&2; exit 1'
fails 'no such luck' -U sock "${plugin[@]}" after_fork='echo no such luck >&2; exit 1'
fails 'no such luck' -U - "${plugin[@]}" after_fork='echo no such luck >&2; exit 1'
fails 'cannot write the PID file' -U sock -P /nonexistent/pid "${plugin[@]}"
fails 'no such luck' "${plugin[@]}" after_fork='echo no such luck >&2; exit 1' --run "touch $scratch/ran"
[[ ! -e ran ]] || fail "the command ran without a server"

# No standard stream may be closed.
for fd in 0 1; do
  status=0; eval "\"$NBDKIT\" -U - null --run true $fd>&-" 2>err || status=$?
  equal "status with fd $fd closed" 1 "$status"
  grep -q "error: file descriptor $fd is closed" err || fail "$(cat err)"
done
status=0; "$NBDKIT" -U - null --run true 2>&- || status=$?
equal "status with fd 2 closed" 1 "$status"

# A start-up callback that hangs. A plugin that waits as it should ends at the
# first signal; one that does not know of signals (compiled here) at the second.
cat >sleeper.c <<'END'
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
static const char *where = "";
static int config (const char *k, const char *v) { where = v; return 0; }
static int rest (const char *here) {
  struct timespec t = { 60, 0 };
  if (strcmp (here, where) != 0) return 0;
  fclose (fopen (getenv ("SLEEPING"), "w"));
  while (nanosleep (&t, &t) == -1) ;   /* does not know of signals */
  return 0;
}
static int get_ready (void) { return rest ("get_ready"); }
static int after_fork (void) { return rest ("after_fork"); }
static void *open_ (int readonly) { return NBDKIT_HANDLE_NOT_NEEDED; }
static int64_t size (void *h) { return 0; }
static int pread_ (void *h, void *b, uint32_t c, uint64_t o, uint32_t f) { return 0; }
static struct nbdkit_plugin plugin = {
  .name = "sleeper", .config = config, .get_ready = get_ready, .after_fork = after_fork,
  .open = open_, .get_size = size, .pread = pread_,
};
NBDKIT_REGISTER_PLUGIN (plugin)
END
export SLEEPING=$scratch/sleeping
gcc -shared -fPIC -I"$SOURCE/nbdkit/include" sleeper.c -o sleeper.so
for where in get_ready after_fork; do
  for signal in TERM INT QUIT HUP; do
    rm -f sleeping
    # bash starts jobs with INT and QUIT ignored; the server sets its own
    "$NBDKIT" -f -U - ./sleeper.so where="$where" & server=$!; started+=("$server")
    until_true 20 test -e sleeping
    kill -"$signal" "$server"; sleep 0.1   # two signals of a kind, not one
    kill -"$signal" "$server"
    status=0; wait "$server" 2>/dev/null || status=$?
    equal "status after two SIG$signal in $where" $((128 + $(kill -l "$signal"))) "$status"
    equal "left behind" '' "$(ls t)"
  done
done
# A single one is enough in the end.
rm -f sleeping
"$NBDKIT" -f -U - ./sleeper.so where=get_ready & server=$!; started+=("$server")
until_true 20 test -e sleeping
kill "$server"
status=0; wait "$server" 2>/dev/null || status=$?
equal "status after one SIGTERM" 143 "$status"
# The thread sanitizer keeps back a signal while read(2) waits, in which the
# process that has forked is.
[[ ${SANITIZED-} != *thread* ]] || exit 0
# In the background, whoever has started it passes signals on, and says that it
# did not come up.
rm -f sleeping
"$NBDKIT" -U - ./sleeper.so where=after_fork & server=$!; started+=("$server")
until_true 20 test -e sleeping
daemon=$(pgrep -P "$server"); started+=("$daemon")
kill "$server"; sleep 0.1; kill "$server"
status=0; wait "$server" 2>/dev/null || status=$?
equal "status of the parent" 1 "$status"
until_true 20 gone "$daemon"
equal "left behind" '' "$(ls t)"
