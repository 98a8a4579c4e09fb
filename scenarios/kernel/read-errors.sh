#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
. "${here:?}/lib.sh"
take_device
connect
mkfs.ext4 -q "$device"
mount_device
head -c 1M /dev/urandom >data
cp data "$mnt/data"
drop_caches
touch faulty
if cat "$mnt/data" >got 2>err; then fail "a read that cannot be, succeeds"; fi
grep -q 'Input/output error' err || fail "not EIO: $(cat err)"
[ ! -s got ] || cmp -n "$(stat -c %s got)" data got || fail "wrong data before the error"
kernel_said 'Other side returned error' || fail "the client is silent: $(kernel_log)"
kernel_said 'I/O error, dev nbd[0-9]+, sector [0-9]+ op 0x0:\(READ\)' || fail "no I/O error in the log"
rm faulty
cmp data "$mnt/data" || fail "the error stays when its cause is gone"
unmount
check_ext4
disconnect
