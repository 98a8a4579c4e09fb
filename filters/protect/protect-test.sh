#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Protected bytes cannot be changed by any request, others can, and a request that covers both
# and changes none of the protected ones does its part.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
abilities_like_the_original protect memory 1M protect=0-10
code='
d = bytearray(h.pread(4096, 0))
def same(): return h.pread(4096, 0) == d
out = [fails(lambda: h.pwrite(b"x", 1000)), fails(lambda: h.pwrite(b"x", 1999)),
       fails(lambda: h.zero(4096, 0)), fails(lambda: h.trim(2, 999)), str(same())]
new = bytearray(b"n" * 4096); new[1000:2000] = d[1000:2000]
h.pwrite(new, 0, nbd.CMD_FLAG_FUA); d = new
out += [str(same())]
h.zero(1000, 0); d[:1000] = bytes(1000)
h.zero(2096, 2000); d[2000:] = bytes(2096)
print(*out, same())'
expect 'EPERM EPERM EPERM EPERM True True True' "$(python_client "$code" --filter=protect --filter=log \
  data '1*4096' protect=1500-1999 protect=1000-1600 logfile=log 2>err)"
grep -q 'protect: a write would change the protected bytes' err
# What is protected is not even written with what it has.
requests log | grep -qxF 'Write offset=0x0 count=0x3e8 fua=1'
requests log | grep -qxF 'Write offset=0x7d0 count=0x830 fua=1'
allowed() { python_client 'print(*[i for i in range(6) if fails(lambda: h.pwrite(b"x", i)) == "ok"])' --filter=protect data '1*6' "$@" 2>/dev/null; }
expect '2 3' "$(allowed 'protect=~2-3')"
expect '0 1' "$(allowed protect=2-)"
expect '4 5' "$(allowed protect=-0x3)"
expect '' "$(allowed protect=-)"
expect '3' "$(allowed protect=0-02 'protect=~3-3')"
# What is zero already may be zeroed and trimmed, in pieces longer than a buffer.
python_client 'h.zero(300000, 1); h.trim(300000, 1)' --filter=protect memory 1M protect=7-200000
# Through a filter above that reads and writes whole blocks.
expect 'EPERM ok' "$(python_client 'print(fails(lambda: h.pwrite(b"x", 513)), fails(lambda: h.pwrite(b"x", 511)))' \
  --filter=blocksize --filter=protect data '1*4096' minblock=512 protect=512-1023 2>/dev/null)"
refused 'protect: expected START-END, got "5"' --filter=protect memory 1M protect=5
refused 'protect: expected a START that is not behind END, got "5-4"' --filter=protect memory 1M protect=5-4
refused 'protect' --filter=protect memory 1M protect=a-b
# Over a disk of blocks only whole ones are asked for; the others are right as well.
python_client '
h.pwrite(bytes(10) + b"xx" + b"y" * 4084, 0)
assert h.pread(4096, 0) == bytes(10) + b"xx" + b"y" * 4084
assert fails(lambda: h.pwrite(b"12345678", 4)) == "EPERM"
h.pwrite(b"z" * 4 + bytes(4), 8188)
h.pwrite(bytes(400) + b"end!", 8192)
assert h.pread(408, 8188) == b"z" * 4 + bytes(400) + b"end!"' \
  --filter=protect --filter=swab memory 1M protect=0-9 protect=8194-8589 swab-bits=32 2>/dev/null
