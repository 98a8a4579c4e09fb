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
