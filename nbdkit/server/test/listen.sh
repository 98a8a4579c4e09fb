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
