#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Data that is wrong, in each way in which it can be. (Which bits are bad is tested in
# evil-test.cpp.)
# shellcheck disable=SC2016,SC1091,SC2154  # expanded by the command of --run; sourced
set -euo pipefail
. "$SOURCE/filters/faults/test-functions.sh"
needs qemu-io qemu-utils
evil() { local code=$1; shift; python_client "$code" --filter=evil "$@" fault-log=log control=control 2>/dev/null; }
bits='wrong = lambda data: sum(bin(b).count("1") for b in data)
'

# ---- the original's ways: so many bits are wrong as was said, the same in each run
for mode in cosmic-rays stuck-bits stuck-wires; do
  first=$(evil "$bits"'print(wrong(h.pread(1 << 20, 0)), h.pread(4096, 0) == h.pread(4096, 0),
    h.pread(4096, 0) == h.pread(4096, 4096))' memory 2M evil=$mode evil-probability=1/1000 evil-seed=7)
  again=$(evil "$bits"'print(wrong(h.pread(1 << 20, 0)), h.pread(4096, 0) == h.pread(4096, 0),
    h.pread(4096, 0) == h.pread(4096, 4096))' memory 2M evil=$mode evil-probability=1/1000 evil-seed=7)
  expect "$first" "$again"
  read -r count same place <<<"$first"
  # 8192 of 2^23 bits; those stuck at 0 are not seen among zeroes.
  case $mode in
    cosmic-rays) least=7500 most=9000 expected='False False' ;;
    stuck-bits) least=3500 most=4700 expected='True False' ;;
    stuck-wires) least=3500 most=4700 expected='True True' ;;
  esac
  if [ "$count" -lt "$least" ] || [ "$count" -gt "$most" ]; then fail "$mode: $count bits"; fi
  expect "$expected" "$same $place"
  [ "$(events log text | sort -u)" = "evil=$mode" ]
  events log did.bits >bits
  grep -q '^\[\[[0-9]*, [0-7]\], ' bits
done
expect "$(evil "$bits"'print(wrong(h.pread(1 << 20, 0)))' memory 1M evil-probability=1/1000 fault-seed=3)" \
       "$(evil "$bits"'print(wrong(h.pread(524288, 524288)) + wrong(h.pread(524288, 0)))' memory 1M \
          evil-probability=1/1000 fault-seed=3)"
# Switched off, it does nothing.
expect '0 True' "$(evil "$bits"'done("off"); print(wrong(h.pread(4096, 0)), end=" ")
done("on"); print(wrong(h.pread(4096, 0)) > 1000)' memory 1M evil=cosmic-rays evil-probability=10%)"
# What is written is stored as it is.
truncate -s 64K disk
expect True "$(evil 'h.pwrite(b"\xff" * 65536, 0); print(h.pread(65536, 0) != b"\xff" * 65536)' \
  file disk evil=cosmic-rays evil-probability=1%)"
cmp <(head -c 65536 /dev/zero | tr '\0' '\377') disk

# ---- reads: flipped bits, and what was there before
expect '0 3 0' "$(evil "$bits"'print(*[wrong(h.pread(512, 0)) for i in range(3)])' memory 1M \
  evil-rule='read nth=2 flip=3')"
expect 3 "$(events log did.flip)"
expect 'b a b' "$(evil '
h.pwrite(b"a" * 512, 0); h.pwrite(b"b" * 512, 0)
print(*[h.pread(512, 0)[:1].decode() for i in range(3)])' memory 1M evil-rule='read nth=2 stale')"
expect 512 "$(events log did.stale)"

# ---- writes: what is stored in the end
stored() { evil "h.pwrite(b'a' * 4096, 4096); h.pwrite(b'b' * 4096, 4096); h.flush()
print(*[(chr(h.pread(1, at)[0]) if h.pread(1, at)[0] else '0') for at in (0, 4096, 4608, 5119, 5120, 8191, 8192)])" "$@"; }
expect '0 b b b b b 0' "$(stored memory 1M evil-rule='write nth=9 torn')"
expect '0 b b b a a 0' "$(stored memory 1M evil-rule='write nth=2 torn=1K')"
expect '0 a a a a a 0' "$(stored memory 1M evil-rule='write nth=2 lost')"
expect '0 a a a a a b' "$(stored memory 1M evil-rule='write nth=2 misdirect=+4K')"
expect 8192 "$(events log did.misdirect)"
expect 'b a a a a a 0' "$(stored memory 1M evil-rule='write nth=2 misdirect=-4K')"
expect '1 EIO' "$(evil "$bits"'
h.pwrite(bytes(512), 0); e = fails(lambda: h.pwrite(bytes(512), 512)); print(wrong(h.pread(1024, 0)), e)' \
  memory 1M evil-rule='write nth=2 flip error=EIO text="not quite"')"
expect 'a' "$(evil 'h.pwrite(b"a" * 512, 0); h.zero(512, 0); print(h.pread(1, 0).decode())' memory 1M \
  evil-rule='zero lost')"
# A torn write of a random length leaves old sectors behind, in each run the same.
torn() { evil 'h.pwrite(b"a" * 65536, 0); h.pwrite(b"b" * 65536, 0); print(h.pread(65536, 0).count(b"b"))' \
  memory 1M evil-rule='write nth=2 torn' fault-seed="$1"; }
expect "$(torn 7)" "$(torn 7)"
expect "$(torn 7)" "$(events log did.torn)"
[ "$(torn 7)" -lt 65536 ] && [ $(($(torn 7) % 512)) -eq 0 ]
[ "$(for seed in 1 2 3 4; do torn $seed; done | sort -u | wc -l)" -gt 1 ]

# ---- writes that are held back until they are flushed
crash='
def write(what, at): h.pwrite(what * 512, at)
def see(): return "".join(chr(h.pread(1, 512 * i)[0] or 48) for i in range(4))
'
expect 'abc0 2 ab00' "$(evil "$crash"'
write(b"a", 0); h.flush(); h.pwrite(b"b" * 512, 512, nbd.CMD_FLAG_FUA); write(b"c", 1024); before = see()
write(b"d", 1024); write(b"c", 1024)
lost = done("crash", filter="evil")["lost"]; print(before, lost // 256, see())' memory 1M evil-volatile=true)"
# Holes below are data as soon as something is held back there; and again none.
expect '[0] [3]' "$(CODE="$client"'
def map():
  out = []
  h.block_status(4096, 0, lambda c, o, e, err: out.extend(e[1::2]))
  return out
h.pwrite(b"x" * 4096, 0); first = map(); done("crash"); print(first, map())' \
  serve --filter=evil memory 1M evil-volatile=true control=control \
  --run 'nbdsh --base -u "$uri" -c "$CODE"')"
# The end of the server is one, too; the disk has what was flushed.
truncate -s 4K image
evil "$crash"'write(b"a", 0); h.flush(); write(b"b", 512)' file image evil-volatile=true
expect 'a' "$(tr -d '\0' <image | head -c 1)"
expect 512 "$(tr -d '\0' <image | wc -c)"
expect '512' "$(events log did.lost)"
# A flush that is a lie: the second is not made.
expect 'ab00 a000' "$(evil "$crash"'
write(b"a", 0); h.flush(); write(b"b", 512); h.flush(); before = see(); done("crash"); print(before, see())' \
  memory 1M evil-rule='flush nth=2 lost-flush')"
expect 'flush 2 True' "$(events log request.op request.number did.lost-flush | sed -n 1p)"

# ---- a disk that is too small for a sector, and one with large blocks
expect ok "$(evil 'print(fails(lambda: h.pwrite(b"x", 0)))' memory 1 evil-rule='write misdirect')"
serve --filter=evil --filter=blocksize-policy memory 1M evil-rule='write torn' fault-seed=2 \
  blocksize-minimum=4096 blocksize-error-policy=error \
  --run 'qemu-io -f raw -c "write 0 64k" "$uri"' >out 2>/dev/null
grep -q 'wrote 65536' out

refused 'evil: expected one of cosmic-rays, stuck-bits, stuck-wires, got "moon"' --filter=evil memory 1M evil=moon
refused 'evil-probability: a probability is at most 1 (100%), got "2"' --filter=evil memory 1M evil-probability=2
refused 'evil-rule: at column 1: read is not something for torn' --filter=evil memory 1M evil-rule='read torn'
refused 'evil-seed' --filter=evil memory 1M evil-seed=x
