#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# in-flight.sh CONNECTIONS
. "${here:?}/lib.sh"
take_device
for round in 1 2 3; do
  connect -C "$1"
  writers=()
  for n in 0 1 2; do
    dd if=/dev/zero of="$device" bs=64k seek=$((n * 300)) count=300 oflag=direct conv=notrunc 2>"dd.$n" &
    writers+=($!)
  done
  sleep 0.3
  timeout 20 nbd-client -d "$device" >>nbd-client.log 2>&1 || fail "round $round: the disconnect: status $?"
  for n in 0 1 2; do
    if wait "${writers[n]}"; then fail "round $round: a writer does not see the end of its disk"; fi
    grep -q 'Input/output error\|No space left' "dd.$n" || fail "round $round: $(cat "dd.$n")"
  done
  is_connected && fail "round $round: still connected"
done
connect -C "$1"
echo works | dd of="$device" bs=4096 conv=sync oflag=direct status=none
equal "after all that" works "$(read_at 0 | head -n 1)"
disconnect
