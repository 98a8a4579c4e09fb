#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a plugin shows of its bytes with nbdkit_debug_hexdump and _hexdiff.
. "${BASH_SOURCE%/*}/lib.sh"
need cc gcc

cat >hex.c <<'END'
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#include <errno.h>
static char old[40] = "12345678123456781234567812345678\x7f" "\n wxyz";
static char new[40] = "12345678123456781234567812345678\x7f" "\n wxyz";
static int ready(void) {
  errno = EBADF;
  nbdkit_debug_hexdump(old, 39, "data: ", 0x100);
  nbdkit_debug_hexdump(old, 1, NULL, 0x1234567890);
  nbdkit_debug_hexdump(old, 0, "nothing: ", 0);
  new[0] = '\xff';
  new[15] = 'X';
  nbdkit_debug_hexdiff(old, new, 32, "diff: ", 16);
  if (errno != EBADF) nbdkit_error("errno was not kept");
  return 0;
}
static void *open_it(int readonly) { (void)readonly; return NBDKIT_HANDLE_NOT_NEEDED; }
static int64_t size(void *h) { (void)h; return 512; }
static int read_it(void *h, void *b, uint32_t n, uint64_t at, uint32_t f) {
  (void)h; (void)b; (void)n; (void)at; (void)f; return 0;
}
static struct nbdkit_plugin plugin = {.name = "hex", .get_ready = ready, .open = open_it,
                                      .get_size = size, .pread = read_it};
#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL
NBDKIT_REGISTER_PLUGIN(plugin)
END
cc -std=c99 -Wall -Werror -shared -fPIC -I "$SOURCE/nbdkit/include" hex.c -o hex.so

"$NBDKIT" -v -U - ./hex.so --run true 2>log
sed -n 's/^nbdkit: debug: //p; s/^nbdkit: error: /error: /p' log |
  grep -E '^(data: |diff: |-diff|\+diff|nothing|1234567890|error)' >shown || true
cat >expected <<'END'
data: 00000100: 31 32 33 34 35 36 37 38  31 32 33 34 35 36 37 38  |1234567812345678|
data: 00000110: 31 32 33 34 35 36 37 38  31 32 33 34 35 36 37 38  |1234567812345678|
data: 00000120: 7f 0a 20 77 78 79 7a                              |.. wxyz|
1234567890: 31                                                |1|
-diff: 00000010: 31 32 33 34 35 36 37 38  31 32 33 34 35 36 37 38  |1234567812345678|
+diff: 00000010: ff                                            58  |.              X|
diff: 00000020: 31 32 33 34 35 36 37 38  31 32 33 34 35 36 37 38  |1234567812345678|
END
diff -u expected shown || fail "other lines; the log: $(cat log)"

# Without --verbose nothing is said.
"$NBDKIT" -U - ./hex.so --run true 2>log
equal "without --verbose" '' "$(cat log)"
