#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# restarting-server.sh NBDKIT -U SOCKET|-p PORT ARGS...: a server that starts again when it has been killed, once there is no
# file "down". Its process is in the file server.pid while it listens.
set -u
while :; do
  rm -f server.pid
  [ "$2" != -U ] || rm -f "$3"  # one that was killed has left it
  "$1" -f -P server.pid "${@:2}"
  while [ -e down ]; do sleep 0.05; done
done
