#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The server ends after its last client, not after a probe of its port, nor while a client
# is left or is between two questions of its handshake.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
timeout 100 "$BUILD/bin/nbdkit" -f -U sock -P pid --filter=exitlast memory 1M &
server=$!
until [ -s pid ]; do sleep 0.05; done
nbdsh -c '
import socket
probe = socket.socket(socket.AF_UNIX)
probe.connect("sock")    # and says nothing
probe.close()
a, b = nbd.NBD(), nbd.NBD()
b.set_opt_mode(True)
b.connect_unix("sock")
b.opt_info()             # opens the disk and closes it again
a.connect_unix("sock")
a.shutdown()
b.opt_go()
b.pwrite(b"still here", 0)
assert b.pread(10, 0) == b"still here"
b.shutdown()'
wait $server || fail "exit status $?"
