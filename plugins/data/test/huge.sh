#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A disk of terabytes with little on it takes little memory and no time.
. "${0%/*}/lib.sh"
need nbdinfo

(
  [[ -n ${SANITIZED-} ]] || ulimit -v 1000000 # in KiB
  # shellcheck disable=SC2016 # the command's variables
  "$nbdkit" -U - data '(0*1000000000000 "x" @^0x10000)*9 @20T' \
    --run 'nbdinfo --size "$uri"; nbdinfo --map --totals "$uri"'
) >"$tmp/out"
head -1 "$tmp/out" | grep -qx 21990232555520 || fail "$(cat "$tmp/out")"
grep -qE '^ *[0-9]{6} .* data$' "$tmp/out" || fail "$(cat "$tmp/out")"
