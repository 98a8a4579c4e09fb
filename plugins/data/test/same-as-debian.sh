#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Our data plugin and the one of Debian's nbdkit make the same disks of the same
# expressions, and refuse the same ones.
. "${0%/*}/lib.sh"
need nbdcopy
theirs=${NBDKIT_DEBIAN:-/usr/bin/nbdkit}
"$theirs" data --version >/dev/null 2>&1 || skip "Debian's nbdkit is missing: apt-get install nbdkit"

f=$tmp/files
mkdir "$f"
printf 'file\0data\n' >"$f/data"
: >"$f/empty"
export env_var='0x41*3'

# image SERVER EXPRESSION FILE: the disk it makes; fails if the server refuses.
image() {
  rm -f "$3"
  "$1" -U - data "$2" one=1 two='1 2' outer='\b 7' mark='@4 1 -> \m' \
    --run "nbdcopy \"\$uri\" '$3'" >"$tmp/out.log" 2>&1
}

compared=0
while IFS= read -r line; do
  expression=${line//\$f/$f}
  [[ -z $line || $line == '# '* ]] && continue
  if [[ $line == '! '* ]]; then
    expression=" ${expression#! }"
    ! image "$theirs" "$expression" "$tmp/theirs" || fail "Debian's takes: $line"
    ! image "$nbdkit" "$expression" "$tmp/ours" || fail "ours takes: $line"
    [ ! -e "$tmp/ours" ] || fail "refused, but served: $line"
  else
    image "$theirs" "$expression" "$tmp/theirs" || fail "Debian's refuses: $line"
    image "$nbdkit" "$expression" "$tmp/ours" || fail "ours refuses: $line: $(cat "$tmp/out.log")"
    cmp "$tmp/theirs" "$tmp/ours" || fail "not the same: $line"
  fi
  compared=$((compared + 1))
done <"${0%/*}/expressions.txt"
[ "$compared" -ge 100 ] || fail "only $compared expressions compared"
echo "$compared expressions"
