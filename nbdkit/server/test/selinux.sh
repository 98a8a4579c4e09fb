#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --selinux-label: the label of the socket where SELinux runs, an error elsewhere.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

label=system_u:object_r:svirt_socket_t:s0
if [[ ! -e /sys/fs/selinux/enforce ]]; then
  refused "--selinux-label: cannot label sockets $label: " -U "$scratch/sock" --selinux-label="$label" null
  grep -q '(SELinux is not running here)' err || fail "$(cat err)"
  [[ ! -e sock ]] || fail "a socket without its label"
  echo "without SELinux, only its absence can be tested"
  exit 0
fi
start -U "$scratch/sock" --selinux-label="$label" memory 1M
ss -Hlxz >out
grep -F "$scratch/sock" out | grep -qF "$label" || fail "the socket's label: $(cat out)"
equal size 1048576 "$(nbdinfo --size "nbd+unix:///?socket=$scratch/sock")"
stop
