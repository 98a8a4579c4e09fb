#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# TCP: all interfaces, both families on one port, and a taken port.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

start -p 0 memory 1M
port=$(ss -Hltnp | sed -n "s/.*0\.0\.0\.0:\([0-9]*\) .*pid=$server,.*/\1/p")
equal "size over IPv4" 1048576 "$(nbdinfo --size "nbd://127.0.0.1:$port")"
if [[ -e /proc/net/if_inet6 ]]; then
  equal "size over IPv6" 1048576 "$(nbdinfo --size "nbd://[::1]:$port")"
fi
status=0; "$NBDKIT" -f -i 127.0.0.1 -p "$port" memory 1M 2>err || status=$?
equal "status when the port is taken" 1 "$status"
grep -q "cannot listen on 127.0.0.1:$port: Address already in use" err || fail "$(cat err)"
stop
status=0; "$NBDKIT" -f -i no.such.host.invalid memory 1M 2>err || status=$?
equal "status with an unknown host" 1 "$status"
grep -q 'cannot resolve address no.such.host.invalid:10809' err || fail "$(cat err)"

# What --print-uri prints is what clients can use.
start -i 127.0.0.1 -p 0 --print-uri memory 1M >said
uri=$(head -n 1 said)
equal "size by --print-uri" 1048576 "$(nbdinfo --size "$uri")"
equal "the shell-quoted URI" "Shell-quoted URI: \"$uri\"" "$(sed -n 2p said)"
equal "the command" 1048576 "$(bash -c "$(tail -n 1 said | sed 's/nbdinfo/nbdinfo --size/')")"
stop
"$NBDKIT" --print-uri -U "$scratch/a socket" -e 'an export' -P bg.pid memory 1M >said
started_in_background bg.pid
equal "the URI of a server in the background" \
  "nbd+unix:///an%20export?socket=$scratch/a%20socket" "$(head -n 1 said)"
kill "$server"
equal hidden "$(sed -n 3p said)" "$("$NBDKIT" --show-url null --run true | sed -n 3p)"

# One family alone.
# shellcheck disable=SC2016
run='ss -Hltn "sport = :$port" | awk "{print \$4}" | sort | tr "\n" " "; nbdinfo --size "$uri"'
"$NBDKIT" -4 -p 0 memory 1M --run "$run" >out
grep -qE '^0\.0\.0\.0:[0-9]+ 1048576$' out || fail "-4: $(cat out)"
"$NBDKIT" --ipv4-only -i localhost -p 0 memory 1M --run "$run" >out
grep -qE '^127\.0\.0\.1:[0-9]+ 1048576$' out || fail "-4 -i localhost: $(cat out)"
if [[ -e /proc/net/if_inet6 ]]; then
  "$NBDKIT" -6 -p 0 memory 1M --run "$run" >out
  grep -qE '^\[::\]:[0-9]+ 1048576$' out || fail "-6: $(cat out)"
  refused 'cannot resolve address 127.0.0.1:10809 (IPv6 only)' -6 -i 127.0.0.1 null
  refused 'cannot resolve address ::1:10809 (IPv4 only)' -4 -i ::1 null
  # Both of a name's addresses; and a port that is taken on one of them.
  "$NBDKIT" -p 0 memory 1M --run "$run" >out
  grep -qE '^0\.0\.0\.0:([0-9]+) \[::\]:\1 1048576$' out || fail "both: $(cat out)"
  start -6 -p 0 --print-uri memory 2M >said
  port=$(sed -n '1s/.*:\([0-9]*\)\/$/\1/p' said)
  # shellcheck disable=SC2016
  "$NBDKIT" -v -p "$port" memory 1M --run 'echo "$uri"; nbdinfo --size "$uri"' >out 2>err
  equal "the other family" "nbd://127.0.0.1:$port/ 1048576" "$(tr '\n' ' ' <out | sed 's/ $//')"
  grep -q 'debug: cannot listen on ::: Address already in use' err || fail "$(cat err)"
  refused 'Address already in use' -6 -p "$port" null
  stop
fi

# The kernel asks whether a TCP client is still there.
start -i 127.0.0.1 -p 0 --print-uri --keepalive memory 1M >said
exec 9<>"/dev/tcp/127.0.0.1/$(sed -n '1s/.*:\([0-9]*\)\/$/\1/p' said)"
head -c 18 <&9 >/dev/null   # it has been accepted
ss -Htno state established "sport = :$(sed -n '1s/.*:\([0-9]*\)\/$/\1/p' said)" >out
grep -q 'timer:(keepalive' out || fail "no keepalive: $(cat out)"
exec 9>&-
stop

# vsock: as far as it goes on this machine.
refused '"4294967296"' --vsock -p 4294967296 null
refused 'could not parse number: "nbd"' --vsock -p nbd null
if "$NBDKIT" --vsock -p 4294967294 memory 1M --run 'echo "$uri $port"' >out 2>err; then
  equal "vsock URI" "nbd+vsock://1:4294967294/ 4294967294" "$(cat out)"
else
  grep -qE 'vsock' err || fail "no word about vsock: $(cat err)"
fi
