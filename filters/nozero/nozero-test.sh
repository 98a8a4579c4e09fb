#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the plugin gets for a zero request in each mode, and which fast ones are refused.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
for zero in none emulate notrim plugin; do
  for fast in default none slow ignore; do
    abilities_like_the_original nozero memory 1M zeromode=$zero fastzeromode=$fast
  done
done
abilities_like_the_original nozero memory 1M
below() {
  local code=$1; shift
  python_client "$code" --filter=nozero --filter=log memory 1M logfile=log "$@"
  requests log
}
expect EINVAL "$(below 'print(fails(lambda: h.zero(512, 0)))')"
expect 'Write offset=0x1 count=0x10000 fua=1
Write offset=0x10001 count=0x8000 fua=1' \
  "$(below 'h.zero(0x18000, 1, nbd.CMD_FLAG_FUA)' zeromode=emulate)"
# With a plugin that flushes instead, one flush does.
expect 'Write offset=0x0 count=0x10000 fua=0
Write offset=0x10000 count=0x8000 fua=1' \
  "$(python_client 'h.zero(0x18000, 0, nbd.CMD_FLAG_FUA)' --filter=nozero --filter=log --filter=fua \
       memory 1M fuamode=emulate zeromode=emulate logfile=log; requests log)"
expect 'Zero offset=0x0 count=0x200 trim=0 fua=0 fast=0
Zero offset=0x0 count=0x200 trim=0 fua=1 fast=1' \
  "$(below 'h.zero(512, 0); h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_FUA)' zeromode=notrim)"
expect 'Zero offset=0x0 count=0x200 trim=1 fua=0 fast=0' "$(below 'h.zero(512, 0)' zeromode=plugin)"
fast='print(fails(lambda: h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO)))'
expect ENOTSUP "$(below "$fast" zeromode=emulate | sed s/EOPNOTSUPP/ENOTSUP/)"
expect ENOTSUP "$(below "$fast" zeromode=plugin fastzeromode=slow | sed s/EOPNOTSUPP/ENOTSUP/)"
expect EINVAL "$(below "$fast" zeromode=plugin fastzeromode=none)"
expect 'ok
Zero offset=0x0 count=0x200 trim=1 fua=0 fast=0' "$(below "$fast" zeromode=plugin fastzeromode=ignore)"
# The bytes are zero whichever way.
for mode in emulate notrim plugin; do
  expect 'True True' "$(python_client '
h.pwrite(b"x" * 200000, 1)
h.zero(100001, 77)
d = h.pread(200000, 1)
print(d[76:100077] == bytes(100001), d[:76] + d[100077:] == b"x" * 99999)' --filter=nozero memory 300001 zeromode=$mode)"
done
refused 'zeromode: expected one of none, emulate, notrim, plugin, got "all"' --filter=nozero memory 1M zeromode=all
refused 'fastzeromode: expected one of' --filter=nozero memory 1M fastzeromode=quick
