#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
. "${here:?}/lib.sh"
take_device
connect
mkfs.ext4 -q "$device"
mount_device
head -c 1M /dev/urandom >data
cp data "$mnt/data"
unmount
disconnect
truncate -s 96M disk.img
connect
equal "size" 100663296 "$(blockdev --getsize64 "$device")"
mount_device
resize2fs "$device" >resize.log 2>&1 || fail "$(cat resize.log)"
[ "$(df -k --output=size "$mnt" | tail -n 1)" -gt 60000 ] || fail "the file system has not grown: $(df -k "$mnt")"
cmp data "$mnt/data"
unmount
check_ext4
disconnect
