#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Linux 6.1 notices the loss at once, but asks again only when the time of the request is over: 30 s
# if nobody says otherwise.
. "${here:?}/lib.sh"
take_device
connect -C 4 -timeout 2
dd if="$device" of=got bs=64k iflag=direct status=none || fail "a reader sees the loss of one connection of four"
equal "size" 8388608 "$(stat -c %s got)"
for offset in 0 4194304 4259840 8384512; do
  equal "at $offset" "$(pattern_at $offset)" "$(dd if=got bs=4096 skip=$((offset / 4096)) count=1 status=none | first_bytes)"
done
is_connected || fail "not connected any more"
disconnect
