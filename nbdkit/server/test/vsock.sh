#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A client over AF_VSOCK, through loopback.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

can_connect() {
  /usr/bin/python3 - <<'END'
import socket, sys
try:
    a = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    a.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY)); a.listen()
    b = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
    b.settimeout(3); b.connect((1, a.getsockname()[1]))
except OSError as e:
    print(e); sys.exit(1)
END
}
why=$(can_connect) || { echo "skipped: no vsock loopback here: $why"; exit 77; }
# shellcheck disable=SC2016
equal size 1048576 "$("$NBDKIT" --vsock -p 10810 memory 1M --run 'nbdinfo --size "$uri"')"
# shellcheck disable=SC2016
equal "\$uri, \$port" "nbd+vsock://1:4000000000/ 4000000000" \
  "$("$NBDKIT" --vsock -p 4000000000 memory 1M --run 'echo "$uri" "$port"')"
head -c 4M /dev/urandom >in
# shellcheck disable=SC2016
"$NBDKIT" --vsock memory 4M --run 'nbdcopy in "$uri" && nbdcopy "$uri" out'
cmp in out || fail "the default port: other bytes"

# A socket that somebody else has opened.
cat >activate.py <<'END'
import os, socket, sys
s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
s.bind((socket.VMADDR_CID_ANY, 10811)); s.listen()
if s.fileno() != 3: os.dup2(s.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[1], sys.argv[1:])
END
/usr/bin/python3 activate.py "$NBDKIT" -P "$scratch/pid" memory 1M & server=$!; started+=("$server")
until_true 60 test -s pid
equal "size by activation" 1048576 "$(nbdinfo --size nbd+vsock://1:10811/)"
stop
