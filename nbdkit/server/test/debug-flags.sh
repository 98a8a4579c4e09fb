#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# -D: flags of plugins, ours and the original's, and of the server.
. "${BASH_SOURCE%/*}/lib.sh"
need qemu-io qemu-utils
need gcc gcc

said() { # said OPTIONS...: what a server says that serves example2 for a moment
  "$NBDKIT" -v "$@" -U - example2 file=/etc/passwd \
    --run 'qemu-io -r -f raw -c "read 0 1" "$uri"' 2>&1 || fail "cannot serve with $*"
}
refused() { # refused TEXT OPTIONS...
  local text=$1; shift
  if "$NBDKIT" "$@" >out 2>&1; then fail "not refused: $*"; fi
  grep -qF -- "$text" out || fail "$*: expected \"$text\", got: $(cat out)"
}

said >out
! grep -q 'example2: 1 bytes at 0' out || fail "the flag is set without -D"
grep -q 'example2: open readonly' out || fail "no control path"
grep -q 'example2: pread count=1 offset=0' out || fail "no data path"
said -D example2.extra=1 >out
grep -q 'example2: 1 bytes at 0' out || fail "the flag is not set"
said -D nbdkit.backend.datapath=0 >out
! grep 'pread count' out || fail "datapath=0"
said -D nbdkit.backend.controlpath=0 >out
! grep 'example2: open' out || fail "controlpath=0"
! grep -q 'debug: GREETING=hello' out || fail "the environment without its flag"
GREETING=hello said -D nbdkit.environ=1 >out
grep -q 'debug: GREETING=hello' out || fail "environ=1"
said --filter=delay >out
for layer in delay example2; do
  grep -q "$layer: pread count=1" out || fail "the calls of $layer are not shown"
done

# Set before .load; dots become underscores; a plain C plugin.
cat >flags.c <<'END'
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#include <stdio.h>
#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
int flags_debug_a_b = 3;
static void load (void) { printf ("a_b=%d\n", flags_debug_a_b); }
static void *open_ (int readonly) { return NBDKIT_HANDLE_NOT_NEEDED; }
static int64_t size (void *h) { return 0; }
static int pread_ (void *h, void *b, uint32_t c, uint64_t o, uint32_t f) { return 0; }
static struct nbdkit_plugin plugin = {
  .name = "flags", .load = load, .open = open_, .get_size = size, .pread = pread_,
};
NBDKIT_REGISTER_PLUGIN (plugin)
END
gcc -shared -fPIC -I"$SOURCE/nbdkit/include" flags.c -o flags.so
"$NBDKIT" ./flags.so --version >out
grep -qx 'a_b=3' out || fail "the default of a flag"
"$NBDKIT" -D flags.a.b=0x10 ./flags.so --version >out
grep -qx 'a_b=16' out || fail "a flag before .load"

refused 'memory has no debug flag "colour"' -D memory.colour=1 memory --version
refused 'no plugin or filter of this name' -D elsewhere.flag=1 memory --version
refused 'the server has no debug flag "colour"' -D nbdkit.colour=1 memory --version
refused 'expected NAME.FLAG=N, got "memory"' -D memory memory --version
refused 'expected NAME.FLAG=N, got "memory.dir"' -D memory.dir memory --version
refused 'many' -D memory.dir=many memory --version
