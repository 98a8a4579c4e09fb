#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# full reads as zeroes; whoever writes, zeroes or trims hears ENOSPC.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
needs nbdinfo libnbd-bin
needs qemu-io qemu-utils

for request in 'write 0 4k' 'write -z 4k 4k' 'write -z -u 8k 4k' 'discard 0 64k'; do
  request_fails "$request" 'No space left on device' full 1M
done
serve full 1M --run 'qemu-io -f raw -c "read -P 0 0 1M" "$uri"' >/dev/null

refused 'you must give the size' full
refused 'unknown unit "X"' full size=1X
like_the_original full 1M
