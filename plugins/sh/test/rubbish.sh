#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What cannot be understood costs its request or its client, with a message; the
# server goes on.
# shellcheck disable=SC2016 # the script's variables
. "${0%/*}/lib.sh"
need qemu-io nbdinfo

stop() {
  kill "$server_pid"
  wait "$server_pid" || fail "exit $?"
  server_pid=
  rm -f "$tmp/pid" "$tmp/sock"
}
# Each line of $tmp/answer is run for the method of that name.
start eval get_size='echo 1M' pread='head -c $3 /dev/zero' \
  missing='[ "$1" != "$(cat '"'$tmp/method'"')" ] || . '"'$tmp/answer'"'; exit 2' config_complete='exit 0'
refuses() { # refuses METHOD SCRIPT WORDS: no client gets in
  echo "$1" >"$tmp/method"
  echo "$2" >"$tmp/answer"
  ! nbdinfo "$uri" >/dev/null 2>&1 || fail "$1: $2: a client is served"
  said "$3"
}
for method in can_write can_flush can_multi_conn can_extents is_rotational block_size open; do
  refuses $method "echo $method-is-ill >&2; exit 1" "$method: $method-is-ill"
done
refuses can_write 'kill -SEGV $$' 'can_write: the script was killed by SIGSEGV'
refuses can_cache 'echo yes; exit 0' 'can_cache printed "yes": expected none, emulate or native'
refuses can_cache 'exit 3' 'can_cache: exit status 3 means false, but this is no question'
refuses block_size 'echo 1 2; exit 0' 'block_size printed "1 2": expected three sizes'
refuses block_size 'echo 1 2 many; exit 0' 'many'
refuses preconnect 'echo not you >&2; exit 1' 'preconnect: not you'
refuses default_export 'exit 3' 'default_export: exit status 3'
echo none >"$tmp/method"
[ "$(nbdinfo --size "$uri")" = 1048576 ] || fail "the server is not well"
stop

# Parameters of the whole server end it: status 1, and one sentence.
refused() { # refused WORDS ARGUMENT...
  local status=0
  "$nbdkit" -U - eval get_size='echo 1M' pread='exit 1' "${@:2}" --run true 2>"$tmp/log" || status=$?
  [ $status = 1 ] || fail "${*:2}: exit $status"
  said "$1"
}
refused 'thread_model: exit status 3' thread_model='exit 3'
refused 'get_ready: not yet' get_ready='echo EAGAIN not yet >&2; exit 1'
refused 'config_complete: half' config_complete='echo half >&2; exit 1'
refused 'after_fork: too late' after_fork='echo too late >&2; exit 1'
refused "eval: get_size is given more than once" get_size='echo 2M'

for size in many -1 '' '1M 2M' 9E; do
  start eval get_size="echo '$size'" pread='exit 1'
  ! nbdinfo --size "$uri" >/dev/null 2>&1 || fail "a size of \"$size\""
  said "$size"
  stop
done

start eval get_size='echo 1M' extents='sed "s/OFFSET/$4/" '"'$tmp/extents'" \
  pread='case $4 in 0) echo short ;; 512) yes ;; 1024) yes | head -c 16M >&2; exit 1 ;;
           1536) head -c 16M /dev/zero >&2; head -c $3 /dev/zero ;; *) head -c $3 /dev/zero ;; esac'
io -r -c 'r 0 512' -c 'r 512 512' -c 'r 1024 512' -c 'r 1536 512' -c 'r 2048 512' || true
said 'pread: the script printed 6 bytes instead of 512'
said 'pread: the script was ended: it printed more than 512 bytes'
[ "$(grep -c 'read failed' "$tmp/io")" = 3 ] || fail "not three failures: $(cat "$tmp/io")"
io_said 'read 512/512 bytes at offset 1536'
io_said 'read 512/512 bytes at offset 2048'
[ "$(wc -c <"$tmp/log")" -lt 100000 ] || fail "the log has $(wc -c <"$tmp/log") bytes"
for extents in '5M 1 hole' '' 'rubbish' 'OFFSET' 'OFFSET -1' 'OFFSET 0' 'OFFSET 1M 99999999999'; do
  echo "$extents" >"$tmp/extents"
  ! nbdinfo --map "$uri" >/dev/null 2>&1 || fail "extents \"$extents\" are taken"
done
[ "$(nbdinfo --size "$uri")" = 1048576 ] || fail "the server is not well"
stop
