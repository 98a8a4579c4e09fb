#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# example4 is one disk for all clients, in forty lines of shell that work where
# they were built and where they are installed.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
export PATH=/usr/bin:$PATH  # where the Python that has libnbd is
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin

serve example4 size=4M --run 'export uri; nbdsh -c "
import os
a, b = nbd.NBD(), nbd.NBD()
for h in (a, b):
    h.connect_uri(os.environ[\"uri\"])
    assert h.get_size() == 4 << 20
    assert not h.is_read_only() and h.can_multi_conn()
a.pwrite(b\"a\" * 100000, 12345)
assert b.pread(100002, 12344) == b\"\\0\" + b\"a\" * 100000 + b\"\\0\"
b.pwrite(b\"b\" * 1000, 12345, nbd.CMD_FLAG_FUA)
b.zero(50000, 60000)
b.trim(512, 1 << 20)
b.flush()
assert a.pread(2, 13344) == b\"ba\"
assert a.pread(50000, 60000) == b\"\\0\" * 50000
a.pwrite(b\"z\", (4 << 20) - 1)
assert b.get_size() == 4 << 20
"'
[ "$(serve example4 1M --run 'nbdinfo --size "$uri"')" = 1048576 ]
serve -r example4 1M --run 'nbdinfo "$uri"' | grep -q 'is_read_only: true' || fail "-r is lost"

refused 'you must give a size' example4
refused 'size: expected a size like 64M, got "big"' example4 size=big
refused "unknown parameter 'colour'" example4 size=1M colour=red

lines=$(grep -cvE '^ *(#.*)?$' "$SOURCE/plugins/example4/example4.sh")
[ "$lines" -lt 40 ] || fail "$lines lines"
