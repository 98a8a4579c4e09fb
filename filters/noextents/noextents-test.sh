#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Holes are not shown, and reads are still right.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
abilities_like_the_original noextents memory 1M
serve data '@1M 1' --run 'nbdinfo --map "$uri"' | grep -q 'hole,zero' || fail 'no hole in the first place'
map=$(serve --filter=noextents data '@1M 1' --run 'nbdinfo --map "$uri"' | awk '{ print $1, $2, $3 }')
expect '0 1048577 0' "$map"
serve data '@1M 1' --run 'nbdcopy "$uri" with'
serve --filter=noextents data '@1M 1' --run 'nbdcopy "$uri" without'
cmp with without
