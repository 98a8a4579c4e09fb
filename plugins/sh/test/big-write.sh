#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Large data to a script that does not read it, and to one that does.
. "${0%/*}/lib.sh"
need qemu-io

# shellcheck disable=SC2016 # the script's variables
start eval get_size='echo 64M' thread_model='echo parallel' pread='tail -c +$(($4+1)) "$tmpdir/d" | head -c $3' \
  get_ready='truncate -s 64M "$tmpdir/d"' \
  pwrite='[ $4 = 0 ] || dd of="$tmpdir/d" seek=$4 conv=notrunc oflag=seek_bytes'
io -c 'w -P 1 0 16M' -c 'w -P 2 16M 16M' -c 'r -P 0 0 16M' -c 'r -P 2 16M 16M' || fail "$(cat "$tmp/io")"
! grep -i -e failed -e error "$tmp/io" || fail "wrong data"
[ "$(grep -c 16777216/16777216 "$tmp/io")" = 4 ] || fail "$(cat "$tmp/io")"
