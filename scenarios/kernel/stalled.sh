#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# stalled.sh CONNECTIONS
. "${here:?}/lib.sh"
take_device
connect -C "$1" -timeout 2
status=0
got=$(timeout 30 dd if="$device" bs=4096 skip=1024 count=1 iflag=direct status=none 2>err | first_bytes; exit "${PIPESTATUS[0]}") ||
  status=$?
[ $status != 124 ] || fail "the read hangs"
kernel_said 'timed out' || fail "no word of the time: $(kernel_log)"
if [ "$1" = 1 ]; then
  equal "status of the read" 1 $status
else
  equal "the read by another connection" "$(pattern_at 4194304)" "$got"
  equal "a later read" "$(pattern_at 4198400)" "$(read_at 1025 | first_bytes)"
fi
disconnect
