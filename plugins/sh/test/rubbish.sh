#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What cannot be understood costs its request or its client, with a message.
. "${0%/*}/lib.sh"
need qemu-io nbdinfo

start eval get_size='echo many' pread='exit 1'
! nbdinfo --size "$uri" >/dev/null 2>&1 || fail "a size of \"many\""
said 'many'
kill "$server_pid"
wait "$server_pid" || fail "exit $?"
rm "$tmp/pid" "$tmp/sock"

# shellcheck disable=SC2016 # the script's variables
start eval get_size='echo 1M' extents='echo 5M 1 hole' \
  pread='if [ $4 = 0 ]; then echo short; elif [ $4 = 512 ]; then yes; else head -c $3 /dev/zero; fi'
io -r -c 'r 0 512' -c 'r 512 512' -c 'r 1024 512' || true
said 'pread: the script printed 6 bytes instead of 512'
said 'pread: the script was ended: it printed more than 512 bytes'
io_said 'read 512/512 bytes at offset 1024'
! nbdinfo --map "$uri" >/dev/null 2>&1 || fail "extents that do not start where asked"
[ "$(nbdinfo --size "$uri")" = 1048576 ] || fail "the server is not well"
