#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A layer that changes nothing: abilities, holes and bytes are those of the plugin.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
look='nbdinfo "$uri" | grep -v uri:; nbdinfo --map "$uri"; nbdcopy "$uri" - | sha256sum'
diff <(serve data '@1M 1 @3M' --run "$look") \
     <(serve --filter=nofilter --filter=nofilter data '@1M 1 @3M' --run "$look")
python_client 'h.pwrite(b"x" * 5, 3, nbd.CMD_FLAG_FUA); h.zero(9, 1, nbd.CMD_FLAG_NO_HOLE)' \
  --filter=nofilter --filter=log memory 1000 logfile=log
expect 'Write offset=0x3 count=0x5 fua=1
Zero offset=0x1 count=0x9 trim=0 fua=0 fast=0' "$(requests log)"
