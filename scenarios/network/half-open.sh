#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The kernel's client, which can be told how long to wait.
# shellcheck source=../kernel/lib.sh
. "${here:?}/../kernel/lib.sh"
take_device
host=${uri#nbd://}
host=${host%%:*}
connect_there() { nbd-client -timeout 2 "$host" "$port" "$device" >>nbd-client.log 2>&1; }
connect_there
equal "block 7" "$(pattern_at $((7 * 4096)))" "$(read_at 7 | first_bytes)"
ip link set "${netdev:?}" down
status=0
timeout 40 dd if="$device" of=/dev/null bs=4096 skip=9 count=1 iflag=direct 2>err || status=$?
equal "status of a read ($(tail -n 1 err))" 1 $status
kernel_said 'timed out' || fail "no word of the time: $(kernel_log)"
disconnect
ip link set "$netdev" up
connect_there
equal "block 9" "$(pattern_at $((9 * 4096)))" "$(read_at 9 | first_bytes)"
disconnect
