#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is wrong with the data is said before the server goes into the
# background, with the place where it is.
. "${0%/*}/lib.sh"

refused() {  # refused MESSAGE PARAMETER...
  local message=$1
  shift
  ! "$nbdkit" -U "$tmp/sock" -P "$tmp/pid" data "$@" 2>"$tmp/log" || fail "accepted: $*"
  grep -qF -- "$message" "$tmp/log" || fail "$*: $(cat "$tmp/log")"
  [ ! -e "$tmp/pid" ] || fail "started: $*"
}

refused 'data:1:3: a byte must be in the range 0 to 255' '1 256'
refused "\$v:1:7: this slice is not within the 1 bytes before it" "\$v" v='"a" 1 [:2]'
refused "data:1:1: cannot open $tmp/none: No such file or directory" "<$tmp/none"
refused 'data:1:3: the command failed: exit status 3' '1 <(exit 3)'
# reading so much takes minutes where every byte is watched
[ -n "${SANITIZED-}" ] || refused 'more than 4294967296 bytes' '</dev/zero'
refused 'more than 4294967296' '1*100000000000'
refused 'one of data=, raw= and base64=' size=1M
refused 'raw= was given, but there is data= already' data=1 raw=2
refused 'is not base64' base64=YW
refused 'unknown allocator' 1 allocator=wood
