#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ones is 0xff all over, or byte=; what is written is forgotten.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
needs nbdinfo libnbd-bin
needs qemu-io qemu-utils

serve ones 1M --run 'qemu-io -f raw -c "read -P 0xff 0 1M" "$uri"' >/dev/null
serve ones 1M byte=65 --run 'qemu-io -f raw -c "write -P 1 0 64k" -c "write -z 64k 64k" \
  -c "discard 128k 64k" -c flush -c "read -P 0x41 0 1M" "$uri"' >/dev/null
serve ones 1M byte=0x41 --run 'nbdinfo --map --totals "$uri"' | grep -q '100.0% .*data' ||
  fail "some of it is not data"
[ "$(serve ones --run 'nbdinfo --size "$uri"')" = 0 ]

refused 'byte: number is out of range' ones 1M byte=256
refused 'byte: could not parse' ones 1M byte=A
like_the_original ones 1M byte=7
