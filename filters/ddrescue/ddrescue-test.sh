#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the map calls rescued can be read, all else fails, as with the original; holes hide no
# bad area. (How maps are read: mapfile-test.cpp.)
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
cat >map <<'MAP'
# current_pos  current_status  current_pass
0x00000000     +               1
0x0000 0x1000 +
0x1000 0x1000 -
0x2000 0x1000 ?
0x3000 0x1000 *
0x4000 0x1000 /
0x5000 0x1000 +
MAP
code='
for at, n in ((0, 4096), (4095, 2), (0x1000, 512), (0x2000, 1), (0x3fff, 1), (0x4000, 1), (0x5000, 4096), (0x5fff, 2), (0x6000, 1)):
  print(fails(lambda: h.pread(n, at)), end=" ")
print(h.is_read_only(), h.can_cache(), fails(lambda: h.pwrite(b"x", 0)))'
ours=$(python_client "$code" --filter=ddrescue pattern 1M ddrescue-mapfile=map 2>err)
expect 'ok EIO EIO EIO EIO EIO ok EIO EIO True False EPERM' "$ours"
grep -q 'ddrescue: not all of the 2 bytes at 4095 could be rescued' err
CODE="$client$code" against_the_original 'nbdsh -u "$uri" -c "$CODE" 2>/dev/null' --filter=ddrescue pattern 1M ddrescue-mapfile=map
# A copy that only reads data runs into the first bad area.
expect '0 4096 3
4096 16384 0
20480 4096 3
24576 40960 0' "$(serve --filter=ddrescue memory 64k ddrescue-mapfile=map --run 'nbdinfo --map "$uri"' | awk '{print $1, $2, $3}')"
if serve --filter=ddrescue memory 64k ddrescue-mapfile=map --run 'nbdcopy "$uri" null:' 2>/dev/null; then fail 'nbdcopy saw no error'; fi
refused 'ddrescue: give the map' --filter=ddrescue memory 1M
refused 'ddrescue-mapfile=' --filter=ddrescue memory 1M ddrescue-mapfile=none
echo '0 1 2 3' >bad
refused 'bad: line 1: expected CURRENT-POSITION' --filter=ddrescue memory 1M ddrescue-mapfile=bad
