#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# example3 gives each client a disk of its own: what one writes, another does
# not see, at the same time or later.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
export PATH=/usr/bin:$PATH  # where the Python that has libnbd is
needs nbdsh python3-libnbd

serve example3 size=4M --run 'export uri; nbdsh -c "
import os
a, b = nbd.NBD(), nbd.NBD()
for h in (a, b):
    h.connect_uri(os.environ[\"uri\"])
    assert h.get_size() == 4 << 20
a.pwrite(b\"a\" * 1000, 12345)
b.pwrite(b\"b\" * 1000, 12345, nbd.CMD_FLAG_FUA)
a.flush()
assert a.pread(1002, 12344) == b\"\\0\" + b\"a\" * 1000 + b\"\\0\"
assert b.pread(1002, 12344) == b\"\\0\" + b\"b\" * 1000 + b\"\\0\"
b.shutdown()
b = nbd.NBD()
b.connect_uri(os.environ[\"uri\"])
assert b.pread(4096, 12288) == b\"\\0\" * 4096
"'
[ "$(serve example3 --run 'nbdinfo --size "$uri"')" = 104857600 ]
against_the_original 'nbdcopy "$uri" - | sha256sum' example3 size=1M

refused 'size: could not parse size: "big"' example3 size=big
