#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Requests fail once the time is over, and the next client has its own.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
code='
import time
end = time.monotonic() + 60
while time.monotonic() < end:
  e = fails(lambda: h.pread(512, 0))
  if e != "ok": break
print(e)'
# ESHUTDOWN, or the connection has gone.
out=$(python_client "$code" --filter=time-limit memory 1M time-limit=200ms 2>/dev/null)
case $out in ESHUTDOWN | ENOTCONN | EINVAL) ;; *) fail "after the time: $out" ;; esac
serve --filter=time-limit memory 1M time-limit=20s --run 'nbdcopy "$uri" null: && nbdcopy "$uri" null:'
serve --filter=time-limit memory 1M time-limit=0 --run 'nbdcopy "$uri" null:'
refused "time-limit" --filter=time-limit memory 1M time-limit=soon
