#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# files.sh CONNECTIONS: mkfs, mount, write, sync, unmount, fsck, and all of it again from the server.
. "${here:?}/lib.sh"
take_device
connect -N disk -C "$1"
equal "size" 67108864 "$(blockdev --getsize64 "$device")"
mkfs.ext4 -q "$device"
mount_device
head -c 6M /dev/urandom >data
cp data "$mnt/data"
mkdir "$mnt/many"
for i in {1..50}; do echo "$i" >"$mnt/many/$i"; done
sync "$mnt/data"
unmount
check_ext4
disconnect
is_connected && fail "connected after a disconnect"
equal "size of a device that is not connected" 0 "$(blockdev --getsize64 "$device")"
connect -N disk -C "$1"
mount_device
cmp data "$mnt/data"
equal "many files" 50 "$(find "$mnt/many" -type f | wc -l)"
equal "the last of them" 50 "$(cat "$mnt/many/50")"
unmount
disconnect
