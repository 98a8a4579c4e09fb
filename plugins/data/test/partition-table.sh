#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The partition tables of nbdkit(1) and of our page are what sfdisk reads back.
. "${0%/*}/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
need sfdisk nbdcopy

"$nbdkit" -U - data size=1M \
  data="@0x1b8 0xf8 0x21 0xdc 0xeb 0 0 0 0
        2 0 0x83 0x20 0x20 0 1 0 0 0 0xff 0x7
        @0x1fe 0x55 0xaa" \
  --run "nbdcopy \"\$uri\" '$tmp/disk'"
sfdisk -d "$tmp/disk" >"$tmp/table"
grep -qx 'label-id: 0xebdc21f8' "$tmp/table" || fail "$(cat "$tmp/table")"
grep -Eq 'disk1 : start= +1, size= +2047, type=83$' "$tmp/table" || fail "$(cat "$tmp/table")"

# The example of the original's page, word for word.
"$nbdkit" -U - data '
         @0x1be    # MBR first partition entry
           0           # Partition status
           0 2 0       # CHS start
           0x83        # Partition type (Linux)
           0x20 0x20 0 # CHS last sector
           le32:1      # LBA first sector
           le32:0x7ff  # LBA number of sectors
         @0x1fe    # Boot signature
           0x55 0xaa
         ' size=1M --run "nbdcopy \"\$uri\" '$tmp/disk1'"
sfdisk -d "$tmp/disk1" >"$tmp/table"
grep -Eq 'disk1p?1 : start= +1, size= +2047, type=83$' "$tmp/table" || fail "$(cat "$tmp/table")"

"$nbdkit" -U - data size=1M \
  '@0x1be  0  0 2 0  0x83  0x20 0x20 0  le32:1  le32:0x7ff  # the first entry
   @0x1fe  0x55 0xaa' --run "nbdcopy \"\$uri\" '$tmp/disk2'"
sfdisk -d "$tmp/disk2" | grep -Eq 'disk2p?1 : start= +1, size= +2047, type=83$'
