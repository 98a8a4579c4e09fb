#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A client may write, trim and zero, and reads back what it wrote.
. "${0%/*}/lib.sh"
need qemu-io

# shellcheck disable=SC2016 # the command's variables
"$nbdkit" -U - data '0x41*65536' --run 'qemu-io -f raw "$uri" \
  -c "r -P 0x41 0 64k" -c "w -P 0x42 512 512" -c "w -z 4096 4096" \
  -c "r -P 0x41 0 512" -c "r -P 0x42 512 512" -c "r -P 0 4096 4096"' >"$tmp/log" 2>&1 ||
  fail "$(cat "$tmp/log")"
! grep -i -e failed -e error "$tmp/log" || fail "see above"
