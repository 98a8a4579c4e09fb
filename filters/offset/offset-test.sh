#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A part is served, byte for byte, with its own holes, and nothing beside it is touched.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
head -c 100001 /dev/urandom >disk
cp disk expected
serve --filter=offset file disk offset=777 range=50000 --run 'nbdcopy "$uri" part'
cmp part <(tail -c +778 disk | head -c 50000)
python_client '
assert h.get_size() == 50000
h.pwrite(b"A", 0); h.pwrite(b"Z", 49999, nbd.CMD_FLAG_FUA)
h.zero(10, 100)
print(fails(lambda: h.pwrite(b"xx", 49999)), fails(lambda: h.pread(2, 49999)))' \
  --filter=offset --filter=log file disk offset=777 range=50000 logfile=log >out
expect 'ENOSPC EINVAL' "$(cat out)"
expect 'Write offset=0x309 count=0x1 fua=0
Write offset=0xc658 count=0x1 fua=1
Zero offset=0x36d count=0xa trim=1 fua=0 fast=0' "$(requests log)"
printf A | dd of=expected bs=1 seek=777 conv=notrunc status=none
printf Z | dd of=expected bs=1 seek=50776 conv=notrunc status=none
head -c 10 /dev/zero | dd of=expected bs=1 seek=877 conv=notrunc status=none
cmp disk expected
# Holes move along.
map=$(serve --filter=offset data '@262144 1*65536 @524288' offset=196608 range=262144 --run 'nbdinfo --map "$uri"' |
  awk '{ print $1, $2, $3 }' | tr '\n' ';')
expect '0 65536 3;65536 65536 0;131072 131072 3;' "$map"
abilities_like_the_original offset memory 1000001 offset=1
abilities_like_the_original offset memory 1M range=64k
abilities_like_the_original offset memory 1M offset=1M
abilities_like_the_original offset memory 1M offset=1M range=1
said=$(serve --filter=offset memory 1M offset=2M --run 'nbdinfo "$uri"' 2>&1) || true
grep -q 'offset=2097152: the disk ends at 1048576' <<<"$said" || fail "$said"
# Blocks stay blocks.
for part in offset=6 'offset=4 range=10'; do
  # shellcheck disable=SC2086  # words
  said=$(serve --filter=offset --filter=swab memory 1M swab-bits=32 $part --run 'nbdinfo "$uri"' 2>&1) || true
  grep -q 'does not begin and end with a block of 4 bytes' <<<"$said" || fail "$part: $said"
done
python_client 'h.pwrite(b"odd", 1); assert h.pread(4, 0) == b"\0odd"' \
  --filter=offset --filter=blocksize --filter=swab memory 1M swab-bits=32 offset=6
