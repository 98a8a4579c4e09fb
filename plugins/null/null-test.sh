#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# null takes every write and reads as a hole full of zeroes.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
needs nbdinfo libnbd-bin
needs qemu-io qemu-utils

serve null 1M --run 'qemu-io -f raw -c "write -P 1 0 1M" -c "write -z 4k 4k" -c "discard 8k 4k" \
  -c flush -c "read -P 0 0 1M" -c "read -P 0 12345 67" "$uri"' >/dev/null

# The largest disk that there can be; and without a size, none at all.
[ "$(serve null 9223372036854775807 --run 'nbdinfo --size "$uri"')" = 9223372036854775807 ]
[ "$(serve null --run 'nbdinfo --size "$uri"')" = 0 ]

refused 'could not parse size: "big"' null big
refused "unknown parameter 'colour'" null 1M colour=red
like_the_original null 1M
like_the_original null
