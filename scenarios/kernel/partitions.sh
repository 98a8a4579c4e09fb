#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
. "${here:?}/lib.sh"
take_device
connect
printf 'size=16M\nsize=32M\n' | sfdisk -q --label gpt "$device"
until_true 10 test -b "${device}p2"
partprobe "$device"
equal "size of the second" 33554432 "$(blockdev --getsize64 "${device}p2")"
mkfs.ext4 -q "${device}p2"
mount_device "${device}p2"
echo hello >"$mnt/file"
unmount
disconnect
# Linux 6.1 keeps the nodes of the partitions until somebody opens the disk, and likewise makes them
# when it is connected anew: what udev does at once where it runs.
equal "size without a connection" 0 "$(blockdev --getsize64 "$device")"
[ ! -b "${device}p2" ] || fail "a partition without its disk"
connect
equal "size" 67108864 "$(blockdev --getsize64 "$device")"
until_true 10 test -b "${device}p2"
mount_device "${device}p2"
equal "the file" hello "$(cat "$mnt/file")"
unmount
check_ext4 "${device}p2"
disconnect
