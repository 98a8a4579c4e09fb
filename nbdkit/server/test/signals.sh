#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every signal that ends the server ends it cleanly, also with a request that
# sleeps; SIGPIPE does nothing.
. "${BASH_SOURCE%/*}/lib.sh"
need qemu-io qemu-utils

for signal in TERM INT QUIT HUP; do
  rm -f pid sock
  # a shell starts background jobs with INT and QUIT ignored; the server sets its own
  "$NBDKIT" -f -P pid -U "$scratch/sock" --filter=delay memory 1M rdelay=60 &
  server=$!; started+=("$server")
  until_true 20 test -s pid
  kill -PIPE "$server"
  qemu-io -f raw -c 'read 0 512' "nbd+unix:///?socket=$scratch/sock" >client.out 2>&1 & client=$!
  sleep 0.3
  kill -"$signal" "$server"
  status=0; wait "$server" || status=$?
  equal "status after SIG$signal" 0 "$status"
  wait "$client" || true  # its read failed, one way or the other
done

# A client that never takes its replies, so that the server is stuck in sending
# them, is cut off after some seconds.
start -U "$scratch/stuck" memory 64M
/usr/bin/python3 - "$scratch/stuck" <<'END' & client=$!
import socket, struct, sys, time
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(18)
s.send(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0)); s.recv(100)
for i in range(4): s.send(struct.pack(">IHHQQI", 0x25609513, 0, 0, i, 0, 32 << 20))
s.recv(1); open("stuck-now", "w"); time.sleep(600)
END
started+=("$client")
until_true 20 test -e stuck-now
stop

# one that is told to end while its command runs ends that too
"$NBDKIT" -U - -P "$scratch/pid2" memory 1M --run 'exec sleep 60' & server=$!; started+=("$server")
until_true 20 test -s pid2
kill -TERM "$server"
status=0; wait "$server" || status=$?
equal "status with a command that was ended" 143 "$status"

# A plugin that waits in a loop of short sleeps sees the end as well, also in the thread that
# reads the client's requests.
if command -v cc >/dev/null; then
  cat >naps.c <<'END'
#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>
#include <stdio.h>
#define THREAD_MODEL NBDKIT_THREAD_MODEL_SERIALIZE_REQUESTS
static void *open_ (int readonly) { return NBDKIT_HANDLE_NOT_NEEDED; }
static int64_t size (void *h) { return 512; }
static int pread_ (void *h, void *b, uint32_t c, uint64_t o, uint32_t f) {
  FILE *sign = fopen ("napping", "w");
  if (sign) fclose (sign);
  while (nbdkit_nanosleep (0, 1) == 0) ;
  return -1;
}
static struct nbdkit_plugin plugin = {.name = "naps", .open = open_, .get_size = size, .pread = pread_};
NBDKIT_REGISTER_PLUGIN (plugin)
END
  cc -shared -fPIC -I"$SOURCE/nbdkit/include" naps.c -o naps.so
  start -U "$scratch/naps" ./naps.so
  timeout 60 nbdcopy "nbd+unix:///?socket=$scratch/naps" - >/dev/null 2>&1 & client=$!; started+=("$client")
  until_true 20 test -e napping
  kill -TERM "$server"
  until_true 4 gone "$server"   # before it would be left to its fate, after 5 s
  status=0; wait "$server" || status=$?
  equal "status with a plugin that naps" 0 "$status"
  wait "$client" || true
fi
