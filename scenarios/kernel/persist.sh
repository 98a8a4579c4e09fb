#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# persist.sh killed|stopped: what happens to the server for a while. With -nonetlink, since through
# netlink -persist is taken and does nothing (nbd-client 3.24).
. "${here:?}/lib.sh"
take_device
clean_up_more() { pkill -f "nbd-client.* $device\$"; }
is_right() { [ "$(timeout 10 dd if="$device" bs=4096 skip=3 count=1 iflag=direct status=none 2>/dev/null | head -c 8)" = 00000042 ]; }
connect -persist -nonetlink -timeout 2
until_true 10 is_right
if [ "$1" = killed ]; then
  kill_server
  until_true 10 kernel_said 'Receive control failed'
  sleep 1  # the client finds nobody at first
  revive_server
else
  kill -STOP "$(cat server.pid)"
  if is_right; then fail "a server that is stopped has answered"; fi
  kill -CONT "$(cat server.pid)"
fi
until_true 4 is_right
