#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# raw=, base64=, size= (which cuts or extends) and allocator=.
. "${0%/*}/lib.sh"
need nbdcopy

expect() {  # expect HEX PARAMETER...
  local want=$1 got
  shift
  got=$(disk "$@")
  [ "$got" = "$want" ] || fail "$*: expected $want, got $got"
}

expect 010203 '1 2 3'
expect 010203 data='1 2 3'
expect 0102 '1 2 3' size=2
expect '' '1 2 3' size=0
expect 0102030000 size=5 '1 2 3'
expect 31203200 raw='1 2' size=4
expect 313233 base64=MTIz
expect 31323300 size=4 base64='MT
 Iz'
expect 07070707 allocator=malloc '7*4'
expect 0102 'le16:0x201' allocator=sparse
