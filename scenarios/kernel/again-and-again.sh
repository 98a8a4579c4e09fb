#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What is known to go wrong: a connect right behind a disconnect meets a device that is "already in
# use", or one that has no size yet.
. "${here:?}/lib.sh"
take_device
for round in {1..6}; do
  connect || fail "round $round: cannot connect"
  equal "round $round: size" 1048576 "$(blockdev --getsize64 "$device")"
  equal "round $round: block $round" "$(pattern_at $((round * 4096)))" "$(read_at "$round" | first_bytes)"
  disconnect || fail "round $round: cannot disconnect"
  is_connected && fail "round $round: still connected"
done
! kernel_said 'I/O error|already in use' || fail "$(kernel_log)"
