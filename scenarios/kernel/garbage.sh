#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
. "${here:?}/lib.sh"
take_device
connect -timeout 3
status=0
timeout 30 dd if="$device" of=got bs=4096 skip=1024 count=1 iflag=direct 2>err || status=$?
equal "status of the read ($(tail -n 1 err))" 1 $status
[ ! -s got ] || fail "garbage is taken for data"
disconnect
connect
equal "another connection" "$(pattern_at 4194304)" "$(read_at 1024 | first_bytes)"
disconnect
