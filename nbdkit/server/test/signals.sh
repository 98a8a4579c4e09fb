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
