#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# -s: one client on stdin and stdout, whatever these are, then the end.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin
need /usr/bin/nbdsh libnbd-bin

for option in -s --single --stdin; do
  equal "size with $option" 1048576 "$(PATH=/usr/bin:$PATH nbdsh \
    -c "h.connect_command(['$NBDKIT', '$option', 'memory', '1M'])" -c 'print(h.get_size())')"
done

# Two pipes, with more data than fits into one.
cat >client.py <<'END'
import struct, subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
assert server.stdout.read(18) == b"NBDMAGICIHAVEOPT\0\3"
server.stdin.write(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0))
server.stdin.flush()
assert server.stdout.read(10)[:8] == struct.pack(">Q", 4 << 20)
data = bytes(range(256)) * (4 << 12)
server.stdin.write(struct.pack(">IHHQQI", 0x25609513, 0, 1, 1, 0, 4 << 20) + data)
server.stdin.write(struct.pack(">IHHQQI", 0x25609513, 0, 0, 2, 0, 4 << 20))
server.stdin.flush()
assert server.stdout.read(16)[4:8] == b"\0" * 4
assert server.stdout.read(16)[4:8] == b"\0" * 4
assert server.stdout.read(4 << 20) == data
server.stdin.close()
assert server.stdout.read() == b"" and server.wait() == 0
END
/usr/bin/python3 client.py "$NBDKIT" -s memory 4M || fail "a client over pipes"

# A file for stdin, as a fuzzer has it: it ends with the file.
printf '\0\0\0\3IHAVEOPT\0\0\0\2\0\0\0\0' >abort
"$NBDKIT" -s memory 1M <abort >said
equal "the greeting" NBDMAGICIHAVEOPT "$(head -c 16 said)"
equal "the ACK of NBD_OPT_ABORT" 0000000200000001 "$(tail -c 12 said | head -c 8 | od -An -tx1 | tr -d ' ')"
"$NBDKIT" -s memory 1M </dev/null >said || fail "an empty client"

# inetd: a socket for both.
cat >inetd.py <<'END'
import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()
client = s.accept()[0]
for fd in 0, 1: os.dup2(client.fileno(), fd)
os.execv(sys.argv[2], sys.argv[2:])
END
/usr/bin/python3 inetd.py "$scratch/sock" "$NBDKIT" -s memory 1M & started+=($!)
until_true 10 test -S sock
equal "size through inetd" 1048576 "$(nbdinfo --size "nbd+unix:///?socket=$scratch/sock")"

# The plugin has no part in the client's stream, and stays in the foreground.
refused 'cannot be used together' -s -U - null
echo 'plugin stdin' | "$NBDKIT" -s eval get_size='cat >&2; echo seen' 2>err >said || true
equal "nothing but the greeting" 18 "$(stat -c %s said)"
! grep -q 'plugin stdin' err || fail "the plugin read the client's bytes"

# It ends when told, also in the middle of the handshake over a pipe.
mkfifo to
"$NBDKIT" -s -P "$scratch/pid" memory 1M <to >from & server=$!; started+=("$server")
exec 8>to
until_true 10 test -s pid
kill -TERM "$server"
status=0; wait "$server" || status=$?
equal "status after SIGTERM" 0 "$status"
exec 8>&-
