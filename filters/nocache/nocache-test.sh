#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Cache requests are not offered, become reads, or go nowhere.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
for mode in none emulate nop; do
  abilities_like_the_original nocache memory 1M cachemode=$mode
done
abilities_like_the_original nocache memory 1M
expect EINVAL "$(python_client 'print(fails(lambda: h.cache(4096, 0)))' --filter=nocache memory 1M)"
python_client 'h.cache(100000, 512)' --filter=nocache --filter=log memory 1M cachemode=emulate logfile=log
expect 'Read offset=0x200 count=0x10000
Read offset=0x10200 count=0x86a0' "$(requests log)"
python_client 'h.cache(100000, 512)' --filter=nocache --filter=log memory 1M cachemode=nop logfile=log
expect '' "$(requests log)"
refused 'cachemode: expected one of none, emulate, nop, got "some"' --filter=nocache memory 1M cachemode=some
