#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
. "${here:?}/lib.sh"
take_device
connect
for block in 5 77 200; do
  equal "block $block" "$(pattern_at $((block * 4096)))" "$(read_at $block | first_bytes)"
done
! kernel_said 'I/O error|timed out' || fail "the kernel complains: $(kernel_log)"
disconnect
