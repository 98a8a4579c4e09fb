#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A script that hangs does not hold up the end of the server, and is ended.
. "${0%/*}/lib.sh"
need qemu-io

# shellcheck disable=SC2016 # the script's variables
start eval get_size='echo 1M' pread='echo $$ >"$3.pid"; sleep 1000; true' \
  after_fork="cd '$tmp'" pwrite='sleep 1000 <&-; true'
qemu-io -f raw -c 'w 0 1M' "$uri" >/dev/null 2>&1 &
client=$!
sleep 0.5
start=$SECONDS
kill "$server_pid"
wait "$server_pid" || fail "exit $?"
server_pid=
((SECONDS - start < 8)) || fail "it took $((SECONDS - start)) s"
said 'pwrite: the script was ended: the server ends'
wait "$client" || true
