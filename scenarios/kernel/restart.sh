#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
. "${here:?}/lib.sh"
take_device
connect
mkfs.ext4 -q "$device"
mount_device
head -c 2M /dev/urandom >data
cp data "$mnt/data"
sync "$mnt/data"
kill_server
until_true 10 kernel_said 'Receive control failed'
status=0
timeout 30 dd if=/dev/zero of="$mnt/lost" bs=64k count=8 conv=fsync 2>dd.err || status=$?
equal "status of a write without a server" 1 $status
grep -q 'Input/output error\|Read-only file system' dd.err || fail "an error of its own kind: $(cat dd.err)"
timeout 30 umount "$mnt" || fail "unmounting without a server: status $?"
disconnect

revive_server
connect
fsck.ext4 -fy "$device" >fsck.log 2>&1 || [ $? = 1 ] || { cat fsck.log >&2; fail "fsck cannot repair it"; }
mount_device
cmp data "$mnt/data"
unmount
check_ext4
disconnect
