#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A script that hangs holds up neither other clients, if it says parallel, nor
# the end of the server, which ends it together with what it has started.
. "${0%/*}/lib.sh"
need qemu-io nbdinfo

# Waits for the file that a script writes once it hangs; a full disk of waiting
# is the test's own time limit.
wait_for() { until [ -s "$1" ]; do sleep 0.05; done; }
gone() { ! kill -0 "$1" 2>/dev/null || [ "$(ps -o stat= -p "$1" | head -c 1)" = Z ]; }
# shellcheck disable=SC2016 # the script's variables
hanging='sleep 1000 & echo $! >"$dir/$1.child.new"; echo $$ >"$dir/$1.new"
  mv "$dir/$1.child.new" "$dir/$1.child"; mv "$dir/$1.new" "$dir/$1"; wait'
export dir=$tmp

# shellcheck disable=SC2016 # the script's variables
start eval get_size='echo 1M' thread_model='echo parallel' \
  pread="[ \$4 = 0 ] || { head -c \$3 /dev/zero; exit; }; $hanging" pwrite="exec <&-; $hanging"
qemu-io -r -f raw -c 'r 0 512' "$uri" >/dev/null 2>&1 &
leaver=$!
wait_for "$tmp/pread"
kill -KILL "$leaver"   # a client that leaves: nobody waits for the script
wait "$leaver" || true
io -r -c 'r 512 512' || fail "another client is not served: $(cat "$tmp/io")"
gone "$(cat "$tmp/pread")" && fail "the script was ended though it may yet come back"

qemu-io -f raw -c 'w 0 1M' "$uri" >/dev/null 2>&1 &
client=$!
wait_for "$tmp/pwrite"
kill "$server_pid"
wait "$server_pid" || fail "exit $?"
server_pid=
said 'pread: the script was ended: the server ends'
said 'pwrite: the script was ended: the server ends'
for what in pread pread.child pwrite pwrite.child; do
  until gone "$(cat "$tmp/$what")"; do sleep 0.05; done
done
wait "$client" || true
