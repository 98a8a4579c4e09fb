#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A filter that looks at reads sees those of holes as well, which the server need not
# read for a client that can be told of holes.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
expect 'EIO' "$(python_client 'print(fails(lambda: h.pread(1 << 20, 0)))' --filter=error memory 1M error-pread-rate=100% 2>/dev/null)"
python_client 'h.pread(1 << 20, 0)' --filter=nofilter --filter=log --filter=fua memory 1M logfile=log
expect 'Read offset=0x0 count=0x100000' "$(requests log | grep Read)"
