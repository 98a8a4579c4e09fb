#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Without udev, and without looking at any other disk of the machine.
. "${here:?}/lib.sh"
take_device
export LVM_SUPPRESS_FD_WARNINGS=1
vg=testkit-$$ volume=/dev/mapper/testkit--$$-lv
run_lvm() {
  lvm "$@" --config "devices { scan=[\"/dev\"] filter=[\"a|^${device}p|\",\"r|.*|\"] use_devicesfile=0 }
    activation { udev_sync=0 udev_rules=0 verify_udev_operations=1 } backup { backup=0 archive=0 }" \
    >>lvm.log 2>&1 || { tail -n 5 lvm.log >&2; return 1; }
}
clean_up_more() { mountpoint -q "$mnt" && umount "$mnt"; [ ! -e "$volume" ] || run_lvm vgchange -an $vg; }
connect
printf 'size=24M\nsize=24M\n' | sfdisk -q "$device"
until_true 10 test -b "${device}p2"
run_lvm pvcreate "${device}p1" "${device}p2"
run_lvm vgcreate $vg "${device}p1" "${device}p2"
run_lvm lvcreate -y -Wn -Zn -l 100%FREE -n lv $vg
mkfs.ext4 -q $volume
mount_device $volume
repeat x 30M >"$mnt/file"
unmount
run_lvm vgchange -an $vg
disconnect
connect
blockdev --getsize64 "$device" >/dev/null  # the kernel looks for partitions when it is opened
until_true 10 test -b "${device}p2"
run_lvm vgchange -ay $vg
mount_device $volume
equal "the file" "$(repeat x 30M | cksum)" "$(cksum <"$mnt/file")"
unmount
run_lvm vgchange -an $vg
disconnect
