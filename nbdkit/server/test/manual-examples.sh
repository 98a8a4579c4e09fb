#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Commands of the manual page as printed there, in the background and on the
# default port: in a network of their own, where that can be had.
if [[ -z ${OWN_NETWORK-} ]] && unshare --net true 2>/dev/null; then
  OWN_NETWORK=1 exec unshare --net "$0"
fi
[[ -z ${OWN_NETWORK-} ]] || ip link set lo up
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin
need qemu-io qemu-utils

if ss -Hltn 'sport = :10809' | grep -q .; then echo "skipped: port 10809 is taken"; exit 77; fi
PATH="$BUILD/bin:$PATH"
truncate -s 3M disk.img

# The server that forked into the background is the one on the port; whatever
# happens below, it is ended.
find_server() {
  local pid
  pid=$(ss -Hltnp 'sport = :10809' | sed -n 's/.*pid=\([0-9]*\),.*/\1/p' | head -1)
  started+=("$pid")
}
end() {
  local pid=${started[-1]}
  kill "$pid"; until_true 10 eval "! kill -0 $pid 2>/dev/null"
}

nbdkit file disk.img
find_server
equal "nbdkit file disk.img" 3145728 "$(nbdinfo --size nbd://localhost)"
end
nbdkit memory 64M
find_server
equal "nbdkit memory 64M" 67108864 "$(nbdinfo --size nbd://localhost)"
end
nbdkit --filter=error --filter=delay memory 100M \
       error-rate=10% rdelay=1 wdelay=1
find_server
begin=$(date +%s%N)
qemu-io -f raw -c 'read 0 512' nbd://localhost >out 2>&1 || true
if ! grep -q 'Input/output error' out; then
  (($(date +%s%N) - begin >= 1000000000)) || fail "a read took less than a second: $(cat out)"
fi
end
# shellcheck disable=SC2016
equal "--run" 1048576 "$(nbdkit memory 1M --run 'nbdinfo --size "$uri"')"
