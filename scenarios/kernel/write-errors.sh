#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The device itself: a journal in between would have errors of its own.
. "${here:?}/lib.sh"
take_device
connect
repeat before 64k | dd of="$device" bs=64k count=1 iflag=fullblock conv=fsync,notrunc status=none
touch faulty
if repeat after 64k | dd of="$device" bs=64k count=1 iflag=fullblock conv=fsync,notrunc 2>err; then
  fail "fsync of a write that failed with $1 succeeds"
fi
grep -q 'fsync failed\|Input/output error\|No space left' err || fail "not an error of the disk: $(cat err)"
kernel_said 'I/O error, dev nbd[0-9]+, sector 0 op 0x1:\(WRITE\)' || fail "no I/O error in the log: $(kernel_log)"
rm faulty
drop_caches
equal "the disk behind a failed write" before "$(head -n 1 "$device")"
disconnect
