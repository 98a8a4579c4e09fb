#!/usr/bin/env bash
# Each way to say where the server is.
. "${0%/*}/lib.sh"

check() {
  start_nbdfuse "$dir/$1" "${@:2}"
  [[ $(stat -c %s "$dir/$1") == 1048576 ]] || fail "$*: wrong size"
  echo hello | dd of="$dir/$1" conv=notrunc status=none
  [[ $(head -n 1 "$dir/$1") == hello ]] || fail "$*: not what was written"
  unmount_and_expect 0
}

start_server memory 1M
check a --unix "$sock"
check b --uri "nbd+unix:///?socket=$sock"
check c "nbd+unix:///?socket=$sock"
kill "$server_pid"
wait "$server_pid" || true
server_pid=

port=$((20000 + RANDOM % 20000))
"$nbdkit" -f -i 127.0.0.1 -p "$port" -P "$tmp/tcp.pid" memory 1M &
server_pid=$!
until_true test -s "$tmp/tcp.pid" || fail "no server at port $port"
check d --tcp 127.0.0.1 "$port"
check e "nbd://127.0.0.1:$port"
exec 7<>"/dev/tcp/127.0.0.1/$port"
check f --fd 7
exec 7>&-
