#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk that real clients may spoil: what they write they read, on all connections to
# an export and on no other; what is below is never touched, whatever they ask.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
PATH=$PATH:/usr/sbin
needs nbdsh python3-libnbd
needs nbdcopy libnbd-bin
needs qemu-img qemu-utils
needs mkfs.ext4 e2fsprogs

# ---- abilities: the original's, and zeroes
if [ -e /usr/lib/x86_64-linux-gnu/nbdkit/filters/nbdkit-cow-filter.so ]; then
  look='nbdinfo "$uri" | grep -E "export-size|can_|is_|block_size"'
  for disk in 'memory 1000001' 'null 1M' 'pattern 64K' 'memory 1M cow-block-size=4K'; do
    # shellcheck disable=SC2086  # words
    diff <(/usr/bin/nbdkit -U - --filter=cow $disk --run "$look" | sed -E 's/(can_(fast_)?zero): false/\1: true/') \
      <(serve --filter=cow $disk --run "$look") || fail "--filter=cow $disk: abilities"
  done
else
  echo 'left out: comparing with the original (apt-get install nbdkit)'
fi
expect '{"write": true, "extents": true}' "$(python_client '
print("{\"write\": %s, \"extents\": %s}" % (str(not h.is_read_only()).lower(), str(h.can_zero()).lower()))' --filter=cow pattern 1M)"
expect True "$(python_client 'print(h.is_read_only())' -r --filter=cow memory 1M)"

# ---- what is below
# Every kind of request, aligned and not, of a disk with an odd size; the log below sees
# none that writes, and the file is as it was. Random requests against a model.
head -c 1000001 /dev/urandom >odd
before=$(sha256sum <odd)
seed=${SEED:-$RANDOM}
echo "seed $seed"
cat >model.py <<'END'
import os, random
def connect():
  n = nbd.NBD()
  n.set_strict_mode(0)
  n.connect_uri(os.environ["uri"])
  return n
def spoil(h, r, model, requests, block):
  size = h.get_size()
  others = [h, connect(), connect()]
  for i in range(requests):
    h = r.choice(others)
    at = r.randrange(size)
    n = min(size - at, r.choice([1, 7, 511, 512, 4096, 65536, 70000, 200000]))
    if r.randrange(3) == 0:
      at -= at % block
      n = min(size - at, n - n % block + block)
    kind = r.randrange(8)
    fua = r.choice([0, nbd.CMD_FLAG_FUA])
    if kind < 2:
      data = r.randbytes(n)
      h.pwrite(data, at, fua); model[at:at + n] = data
    elif kind == 2:
      h.zero(n, at, fua | r.choice([0, nbd.CMD_FLAG_NO_HOLE])); model[at:at + n] = bytes(n)
    elif kind == 3:
      h.trim(n, at, fua)
      first, end = -(-at // block) * block, (at + n) // block * block
      if at + n == size: end = size
      if first < end: model[first:end] = bytes(end - first)
    elif kind == 4:
      h.cache(n, at)
    elif kind == 5:
      h.flush()
    else:
      assert h.pread(n, at) == model[at:at + n], (i, at, n)
  assert others[1].pread(size, 0) == model
END
spoiled() {  # SIZES... : the last is a block
  CODE="$client$(cat model.py)
model = bytearray(h.pread(h.get_size(), 0))
assert model == open('odd', 'rb').read()[:len(model)]
spoil(h, random.Random($seed), model, 300, $1)" serve --filter=cow --filter=log "${@:2}" logfile=log \
    --run 'export uri; nbdsh -u "$uri" -c "$CODE"' || fail "seed $seed: ${*:2}"
  expect "$before" "$(sha256sum <odd)"
  ! requests log | grep -vE '^(Read|Cache|Extents) ' || fail "a request reached the disk below"
  requests log | grep -q '^Read' || fail 'the log saw nothing'
}
spoiled 65536 file odd
spoiled 4096 file odd cow-block-size=4K
spoiled 65536 file odd cow-on-read=true
spoiled 4096 file odd cow-on-cache=true cow-block-size=4k
spoiled 2097152 file odd cow-block-size=2M
# The plugin is opened read-only: this one can be no other way.
chmod a-w odd
spoiled 65536 file fd=7 7<odd
expect 'write=0' "$(python_client '' --filter=cow --filter=log memory 1M logfile=log; grep -o 'write=0' log)"
# Blocks of the disk below: it is asked for whole ones, and no more than it takes.
CODE="$client$(cat model.py)
model = bytearray(h.get_size())
r = random.Random($seed)
for i in range(100):
  at = r.randrange(32) * 8192; n = r.choice([1, 2, 4]) * 8192
  data = r.randbytes(n)
  if i % 3 == 0: h.zero(n, at); data = bytes(n)
  else: h.pwrite(data, at)
  model[at:at + n] = data
  assert h.pread(n, at) == model[at:at + n]
assert h.pread(len(model), 0) == model" serve --filter=cow --filter=blocksize-policy --filter=log memory 512K \
  blocksize-minimum=8K blocksize-preferred=8K blocksize-maximum=32K blocksize-error-policy=error \
  cow-block-size=4K logfile=log --run 'export uri; nbdsh -u "$uri" -c "$CODE"' || fail "seed $seed"
requests log | python3 -c '
import re, sys
for line in sys.stdin:
  m = re.match(r"Read offset=(\w+) count=(\w+)", line)
  if m: assert int(m[1], 16) % 8192 == 0 and int(m[2], 16) % 8192 == 0 and int(m[2], 16) <= 32768, line'

# ---- connections share it, exports do not
mkdir exports
head -c 300000 /dev/urandom >exports/a
head -c 123457 /dev/urandom >exports/b
sums=$(sha256sum exports/*)
CODE='
def export(name):
  n = nbd.NBD(); n.set_export_name(name); n.connect_unix(os.environ["unixsocket"]); return n
import os
a, a2, b = export("a"), export("a"), export("b")
assert a.can_multi_conn() and (a.get_size(), b.get_size()) == (300000, 123457)
a.pwrite(b"one", 100000)            # no flush: the reply is enough
assert a2.pread(3, 100000) == b"one"
a2.pwrite(b"two", 100003)           # the same block, on another connection
assert a.pread(6, 100000) == b"onetwo"
assert b.pread(3, 100000) == open("exports/b", "rb").read()[100000:100003]
for n in (a, a2): n.shutdown()
assert export("a").pread(6, 100000) == b"onetwo"   # it stays when they go
assert b"onetwo" not in export("b").pread(123457, 0)' \
  serve --filter=cow file dir=exports --run 'export unixsocket; nbdsh -c "$CODE"'
expect "$sums" "$(sha256sum exports/*)"
# Gone with the server, and no other server sees it; no file is left behind.
mkdir tmp
for _ in 1 2; do
  TMPDIR=$PWD/tmp python_client 'assert h.pread(3, 5) == bytes(3); h.pwrite(b"new", 5)' --filter=cow memory 1M
done
expect '' "$(ls -A tmp)"

# ---- real clients
truncate -s 32M image
mkfs.ext4 -q -F image
sum=$(sha256sum <image)
head -c 3000000 /dev/urandom >payload
serve --filter=cow file image --run '
  qemu-img convert -O raw "$uri" copy.img && cmp copy.img image &&
  mkfs.ext4 -q -F copy.img && debugfs -w -R "write payload payload" copy.img 2>/dev/null &&
  nbdcopy copy.img "$uri" && nbdcopy "$uri" back.img && cmp back.img copy.img &&
  e2fsck -fn back.img >/dev/null 2>&1 && debugfs -R "cat payload" back.img 2>/dev/null | cmp - payload &&
  qemu-img create -q -F raw -b "$uri" -f qcow2 diff.qcow2 &&
  qemu-img rebase -F raw -b image -f qcow2 diff.qcow2 && qemu-img compare -f qcow2 -F raw diff.qcow2 back.img' >/dev/null
expect "$sum" "$(sha256sum <image)"

# ---- zeroes and holes
map() {  # CODE ARG...: what is where after CODE
  CODE="$client$1" serve --filter=cow "${@:2}" --run 'nbdsh -u "$uri" -c "$CODE" && nbdinfo --map "$uri"' |
    awk '{ print $1, $2, $3 }' | tr '\n' ';'
}
change='
h.zero(65536, 0, nbd.CMD_FLAG_FAST_ZERO)
h.zero(65536, 65536, nbd.CMD_FLAG_NO_HOLE)
h.pwrite(b"x", 131073)
h.trim(65536 + 300, 262144 - 65536)'   # the 300 are a part of a block
disk=(data '@262144 1*65536 @1000001')
expect '0 65536 3;65536 65536 2;131072 65536 0;196608 65536 3;262144 65536 0;327680 672321 3;' \
  "$(map "$change" "${disk[@]}")"
# The same where the disk below cannot tell: then it is data.
expect '0 65536 3;65536 65536 2;131072 65536 0;196608 65536 3;262144 737857 0;' \
  "$(map "$change" --filter=noextents "${disk[@]}")"
expect '0 262144 3;262144 65536 0;327680 672321 3;' "$(map '' "${disk[@]}")"
# Nothing is written for zeroes, not even of a whole large disk; what was is given back.
cat >room.sh <<'END'
used() {  # by the overlay, which has no name any more
  local fd
  for fd in /proc/"$(cat pid)"/fd/*; do
    case $(readlink "$fd") in */nbdkit-cow-*) stat -L -c %b "$fd" && return ;; esac
  done
  echo 0
}
at() { nbdsh -u "$uri" -c "h.set_strict_mode(0)" -c "$1"; used; }
at ''
at 'h.pwrite(b"x" * (8 << 20), 64 << 20)'
at 'h.trim(1 << 30, 0)'
at 'h.zero(1 << 30, 0, nbd.CMD_FLAG_FAST_ZERO)'
at 'h.zero(4 << 20, 0, nbd.CMD_FLAG_NO_HOLE)'
at 'assert h.pread(4 << 20, 0) == bytes(4 << 20); h.pwrite(b"x" * 4096, 0)'
END
TMPDIR=$PWD/tmp serve -P pid --filter=cow memory 1T --run 'export uri; . ./room.sh' >out
python3 -c '
import sys
start, written, trimmed, zeroed, provided, patched = [int(n) * 512 for n in open("out")]
assert start == trimmed == zeroed == 0, "trimmed room is not given back"
assert written - start >= 8 << 20
assert 4 << 20 <= provided - start < 5 << 20 and patched == provided' || fail "blocks used: $(tr '\n' ' ' <out)"
expect 'ENOTSUP ENOTSUP ok' "$(python_client '
f = lambda n, at: fails(lambda: h.zero(n, at, nbd.CMD_FLAG_FAST_ZERO)).replace("EOPNOTSUPP", "ENOTSUP")
print(f(65536, 1), f(65535, 0), f(1000001 - 65536, 65536))' --filter=cow memory 1000001)"

# ---- a full overlay
cat >full.sh <<'END'
CODE='
old = h.pread(1 << 20, 0)
h.pwrite(b"a" * (1 << 20), 0)
failed = [fails(lambda: h.pwrite(b"b" * (4 << 20), 1 << 20)),
          fails(lambda: h.pwrite(b"c" * 512, 30 << 20)),
          fails(lambda: h.zero(8 << 20, 16 << 20, nbd.CMD_FLAG_NO_HOLE))]
assert h.pread(1 << 20, 0) == b"a" * (1 << 20)
rest = h.pread(31 << 20, 1 << 20)
assert rest == open("image", "rb").read()[1 << 20:], "a write that failed has changed something"
h.pwrite(b"d" * 4096, 4096)                  # in place: there is room
h.trim(1 << 20, 0)                           # and now there is more
assert h.pread(1 << 20, 0) == bytes(1 << 20)
print(failed)'
nbdsh -u "$uri" -c "$(cat client.py)" -c "$CODE"
END
echo "$client" >client.py
# A server that may not write more than 1M to a file; it does not die of it.
expect "['ENOSPC', 'ENOSPC', 'ENOSPC']" "$( (ulimit -f 1024; serve --filter=cow file image --run 'export uri; . ./full.sh') 2>/dev/null)"
mkdir small
if [ -n "${SANITIZED-}" ]; then
  echo 'left out: an overlay on a small tmpfs, where the sanitizer has a file of its own'
elif unshare -rm true 2>/dev/null && unshare -rm mount -t tmpfs -o size=1m tmpfs small 2>/dev/null; then
  expect "['ENOSPC', 'ENOSPC', 'ENOSPC']" "$(BUILD=$BUILD unshare -rm bash -c '
    mount -t tmpfs -o size=1m tmpfs small
    TMPDIR=$PWD/small "$BUILD/bin/nbdkit" -U - --filter=cow file image --run "export uri; . ./full.sh"' 2>/dev/null)"
else
  echo 'left out: an overlay on a small tmpfs, which cannot be mounted here'
fi
expect "$sum" "$(sha256sum <image)"
# Reads do not need the room.
CODE='assert h.pread(8 << 20, 0) == open("image", "rb").read()[:8 << 20]'
(ulimit -f 2048; python_client "$CODE" --filter=cow file image cow-on-read=true) 2>/dev/null

# ---- copying what is read, or cached
reads() {  # CODE ARG...: how often the disk below is read
  python_client "$1" --filter=cow --filter=log file odd logfile=log "${@:2}"
  requests log | grep -c Read || true
}
twice='h.pread(4096, 100); h.pread(60000, 2000)'
expect 2 "$(reads "$twice")"
expect 1 "$(reads "$twice" cow-on-read=true)"
cached='h.cache(1000001, 0); h.pread(1000001, 0)'
expect 1 "$(reads "$cached")"
expect 'Cache offset=0x0 count=0xf4241' "$(requests log | grep Cache)"
expect 1 "$(reads 'h.cache(65536, 0); h.pread(65536, 0)' cow-on-cache=true)"
expect '' "$(requests log | grep Cache || true)"
touch switch
expect 3 "$(reads 'import os
h.pread(512, 0); h.pread(512, 0)                                          # one read
os.remove("switch"); h.pread(512, 65536); h.pread(512, 65536)             # two' cow-on-read="$PWD/switch")"

# ---- any size
cat >huge.sh <<'END'
nbdsh -u "$uri" -c '
h.set_strict_mode(0)
size = h.get_size()
for at in (0, 1 << 50, size // 2 + 77, size - 100):
  h.pwrite(b"h" * 100, at)
  assert h.pread(100, at) == b"h" * 100 and h.pread(50, at - 50 if at else 100) == bytes(50)
h.trim(3 << 30, 1 << 50); h.zero(3 << 30, (size >> 31) - 2 << 31, nbd.CMD_FLAG_FAST_ZERO)
assert h.pread(100, 1 << 50) == bytes(100)'
END
for disk in 'null 7E' 'memory 4611686018427387904' 'null 9223372036854775807'; do
  # shellcheck disable=SC2086  # words
  serve --filter=cow $disk --run 'export uri; . ./huge.sh' || fail "--filter=cow $disk"
done
if [ -z "${SANITIZED-}" ]; then  # 64 MiB do for a server with the map of 7 EiB
  (ulimit -d 65536; serve -t 2 --filter=cow null 7E cow-block-size=4k --run 'export uri; . ./huge.sh') ||
    fail 'a large disk takes much memory'
fi

# ---- what cannot be
for size in 2k 3k 64M 12345 0; do
  refused "cow-block-size: expected a power of 2 from 4K to 32M, got \"$size\"" --filter=cow memory 1M cow-block-size=$size
done
refused 'cow-on-read: expected true, false or a path from / on, got "maybe"' --filter=cow memory 1M cow-on-read=maybe
refused 'cow-on-cache: expected true or false, got "/path"' --filter=cow memory 1M cow-on-cache=/path
TMPDIR=/nonexistent refused 'cow: cannot make the overlay /nonexistent/nbdkit-cow-' --filter=cow memory 1M
# A disk that grows below is not served to those who come later.
cp odd odd2
chmod u+w odd2
expect 'refused' "$(serve --filter=cow file odd2 --run 'nbdsh -u "$uri" -c "h.pwrite(b\"x\", 0)"; echo >>odd2; nbdinfo "$uri" >/dev/null 2>&1 || echo refused' 2>/dev/null)"
