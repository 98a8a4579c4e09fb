#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Without a file nothing can be written; with one, it is the file that decides, at any time.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
serve --filter=readonly memory 1M --run 'nbdinfo "$uri"' | grep -q 'is_read_only: true'
expect EPERM "$(python_client 'print(fails(lambda: h.pwrite(b"x", 0)))' --filter=readonly memory 1M)"
expect 'ok ok EPERM EPERM EPERM ok ok' "$(python_client '
import os
w = lambda: fails(lambda: h.pwrite(b"x", 0))
out = [w(), fails(lambda: h.flush())]
open("ro", "w").close()
out += [w(), fails(lambda: h.trim(512, 0)), fails(lambda: h.zero(512, 0)), fails(lambda: h.flush())]
os.remove("ro")
print(*out, w())' --filter=readonly memory 1M readonly-file=ro)"
refused 'readonly-file: expected the name of a file' --filter=readonly memory 1M readonly-file=
