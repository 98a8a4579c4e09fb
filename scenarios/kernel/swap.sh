#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# A process pages itself out (MADV_PAGEOUT is 21) and looks at its memory again.
. "${here:?}/lib.sh"
take_device
clean_up_more() { ! grep -q "^$device " /proc/swaps || swapoff "$device"; }
connect -swap
mkswap "$device" >/dev/null
swapon -p 100 "$device"
python3 - "$device" <<'PY'
import mmap, sys
size = 12 << 20
memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for at in range(0, size, 4096):
    memory[at:at + 8] = at.to_bytes(8, "big")
memory.madvise(21)
used = sum(int(line.split()[3]) for line in open("/proc/swaps") if line.startswith(sys.argv[1] + " "))
assert used >= 8 << 10, f"only {used} KiB of {size >> 10} went to the swap device"
for at in range(0, size, 4096):
    assert memory[at:at + 8] == at.to_bytes(8, "big"), f"the page at {at} is another"
PY
swapoff "$device"
disconnect
