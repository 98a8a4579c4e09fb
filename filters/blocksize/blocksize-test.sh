#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: whatever a client asks, the plugin gets aligned requests of allowed lengths, and the
# bytes are right. Method: fixed requests against the log; random ones against a model.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
abilities_like_the_original blocksize memory 1000001 minblock=4k
abilities_like_the_original blocksize memory 1M minblock=64k maxdata=64k
below() {
  local code=$1; shift
  python_client "$code" --filter=blocksize --filter=log memory 1000001 logfile=log "$@"
  requests log
}
expect 'Read offset=0x1000 count=0x1000
Write offset=0x1000 count=0x1000 fua=1' \
  "$(below 'h.pwrite(b"x" * 3, 5000, nbd.CMD_FLAG_FUA)' minblock=4k)"
expect 'Read offset=0x0 count=0x200
Read offset=0x200 count=0x400
Read offset=0x600 count=0x200
Read offset=0x800 count=0x200' "$(below 'h.pread(0x700, 0x101)' minblock=512 maxdata=1024)"
# FUA: with every piece where the plugin does it, once where it is a flush.
expect 'Write offset=0x0 count=0x400 fua=1
Write offset=0x400 count=0x200 fua=1' "$(below 'h.pwrite(b"x" * 0x600, 0, nbd.CMD_FLAG_FUA)' maxdata=1k)"
expect 'Write offset=0x0 count=0x400 fua=0
Write offset=0x400 count=0x200 fua=1' "$(python_client 'h.pwrite(b"x" * 0x600, 0, nbd.CMD_FLAG_FUA)' \
  --filter=blocksize --filter=log --filter=fua memory 1M fuamode=emulate maxdata=1k logfile=log; requests log)"
expect 'Zero offset=0x1000 count=0x1000 trim=0 fua=0 fast=1' \
  "$(below 'h.zero(4096, 4096, nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_NO_HOLE)' minblock=4k)"
expect ENOTSUP "$(below 'print(fails(lambda: h.zero(4096, 1, nbd.CMD_FLAG_FAST_ZERO)))' minblock=4k | sed s/EOPNOTSUPP/ENOTSUP/)"
expect 'Trim offset=0x1000 count=0x1000 fua=0
Trim offset=0x2000 count=0x1000 fua=0' "$(below 'h.trim(3 * 4096, 4095)' minblock=4k maxlen=4k)"
expect '' "$(below 'h.trim(4096, 1)' minblock=4k)"
expect 'Cache offset=0x0 count=0x2000' "$(below 'h.cache(4096, 1)' minblock=4k)"

# Holes, asked for at odd places, are where they are.
map() { serve "$@" --run 'nbdinfo --map "$uri"' | awk '{ print $1, $2, $3 }' | tr '\n' ';'; }
disk=(data '@262144 1*65536 @1000001')
expect '0 262144 3;262144 65536 0;327680 671744 3;' "$(map --filter=blocksize "${disk[@]}" minblock=4k)"
expect '0 262144 3;262144 65536 0;327680 671744 3;' "$(map --filter=blocksize "${disk[@]}" minblock=4k maxlen=64k)"
# An odd place in front of it, with REQ_ONE as well.
expect '1 3 0' "$(CODE="$client
seen = []
def see(name, offset, entries, err): seen.append(entries)
for at in (262143, 262144):
  h.block_status(512, at, see, nbd.CMD_FLAG_REQ_ONE)
print(seen[0][0], seen[0][1], seen[1][1])" serve --filter=blocksize "${disk[@]}" minblock=4k \
  --run 'nbdsh --base -u "$uri" -c "$CODE"')"
expect '0 261367 3;261367 65536 0;326903 671744 3;' \
  "$(map --filter=offset --filter=blocksize "${disk[@]}" minblock=4k offset=777)"

seed=${SEED:-$RANDOM}
echo "seed $seed"
python_client "
import random
r = random.Random($seed)
size = h.get_size()
assert size == 999936
model = bytearray(size)
for i in range(400):
  at = r.randrange(size); n = min(size - at, r.choice([1, 7, 511, 512, 513, 4096, 70000]))
  kind = r.randrange(3)
  if kind == 0:
    data = r.randbytes(n)
    h.pwrite(data, at, r.choice([0, nbd.CMD_FLAG_FUA])); model[at:at + n] = data
  elif kind == 1:
    h.zero(n, at, r.choice([0, nbd.CMD_FLAG_NO_HOLE])); model[at:at + n] = bytes(n)
  else:
    assert h.pread(n, at) == model[at:at + n], (i, at, n)
assert h.pread(size, 0) == model" --filter=blocksize --filter=log memory 1000001 minblock=512 maxdata=8k maxlen=4k logfile=log ||
  fail "seed $seed"
requests log | python3 -c '
import re, sys
n = 0
for line in sys.stdin:
  m = re.match(r"(\w+) offset=(\w+) count=(\w+)", line)
  at, count = int(m[2], 16), int(m[3], 16)
  assert at % 512 == 0 and count % 512 == 0 and 0 < count <= (8192 if m[1] in ("Read", "Write") else 4096), line
  n += 1
assert n > 400'

# Neighbours in one block, written at the same time on two connections, keep both.
CODE='
import os
hs = [nbd.NBD() for i in range(2)]
for n in hs: n.connect_uri(os.environ["uri"])
left = [0]
def done(error): left[0] -= 1; return 1
for i in range(256):
  left[0] += 1
  hs[i % 2].aio_pwrite(nbd.Buffer.from_bytearray(bytearray([i])), i, completion=done)
while left[0]:
  for n in hs:
    if n.aio_in_flight(): n.poll(-1)
assert hs[0].pread(256, 0) == bytes(range(256))' \
  serve --filter=blocksize memory 1M minblock=4k --run 'export uri; nbdsh -c "$CODE"'

refused 'minblock: expected a power of 2, at most 64K, got "3k"' --filter=blocksize memory 1M minblock=3k
refused 'minblock: expected a power of 2' --filter=blocksize memory 1M minblock=128k
refused 'maxdata=5000 is no multiple of the smallest block, 4096' --filter=blocksize memory 1M minblock=4k maxdata=5000
