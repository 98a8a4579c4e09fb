# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# For the scripts here, which are the clients of scenarios: the kernel's NBD client on a device of
# the cell's own, and nothing left of it at the end.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin
# testkit gives these to the commands of a scenario.
: "${dir:?}" "${here:?}" "${nbdkit:?}" "${uri=}" "${unixsocket=}" "${port=}"
device=   # /dev/nbdN, from take_device
mnt=$dir/mnt
failure=

fail() { failure="$*"; exit 1; }
# equal WHAT EXPECTED ACTUAL
equal() { [ "$2" = "$3" ] || fail "$1: expected \"$2\", got \"$3\""; }
# until_true SECONDS COMMAND...: polls
until_true() {
  local end=$((SECONDS + $1)); shift
  until "$@"; do ((SECONDS < end)) || fail "never true: $*"; sleep 0.05; done
}

clean_up() {
  local status=$?
  trap - EXIT
  set +e
  declare -F clean_up_more >/dev/null && clean_up_more
  mountpoint -q "$mnt" && umount -l "$mnt"
  if [ -n "$device" ]; then
    nbd-client -c "$device" >/dev/null && nbd-client -d "$device" >/dev/null
    rmdir "$lock"
    ((status == 0)) || kernel_log | tail -n 4 >&2
  fi
  # The last line is what reports show first.
  ((status == 0)) || echo "FAIL: ${failure:-a command of the script has status $status}" >&2
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# A device that nobody uses; other cells take others.
take_device() {
  local path
  for path in /sys/block/nbd*; do
    if [ "$(cat "$path/size")" != 0 ] || [ -e "$path/pid" ]; then continue; fi
    lock=/run/lock/testkit-${path##*/}
    mkdir "$lock" 2>/dev/null || continue
    device=/dev/${path##*/}
    echo "testkit takes $device" >/dev/kmsg
    return
  done
  fail "no NBD device is free"
}
# What the kernel has said of the device since we have it.
kernel_log() { dmesg | tac | sed "/testkit takes ${device//\//\\/}\$/q" | tac | grep -- "${device#/dev/}" || true; }
kernel_said() { kernel_log | grep -qE -- "$1"; }

# connect OPTIONS...: to the scenario's server
connect() {
  local where=(-unix "$unixsocket")
  [ -n "$unixsocket" ] || where=(127.0.0.1 "$port")
  nbd-client "$@" "${where[@]}" "$device" >>nbd-client.log 2>&1 ||
    { tail -n 3 nbd-client.log >&2; return 1; }
}
disconnect() { nbd-client -d "$device" >>nbd-client.log 2>&1; }
is_connected() { nbd-client -c "$device" >/dev/null; }
mount_device() { mkdir -p "$mnt"; mount "${@:2}" "${1-$device}" "$mnt"; }
unmount() { umount "$mnt"; }
check_ext4() { fsck.ext4 -fn "${1-$device}" >fsck.log 2>&1 || { cat fsck.log >&2; fail "fsck finds errors"; }; }
# read_at BLOCK [COUNT]: blocks of 4 KiB, past the cache
read_at() { dd if="$device" bs=4096 skip="$1" count="${2-1}" iflag=direct status=none; }
# pattern_at OFFSET: what nbdkit's plugin pattern has there, the offset in 8 bytes
pattern_at() { printf '%016x' "$1"; }
first_bytes() { od -An -tx1 -N8 | tr -d ' \n'; }
# repeat TEXT BYTES: lines of it
repeat() { { yes "$1" || true; } | head -c "$2"; }
# Of restarting-server.sh.
kill_server() { touch down; kill -KILL "$(cat server.pid)"; rm server.pid; }
revive_server() { rm down; until_true 20 test -s server.pid; }
# Nothing of a file or device stays in memory.
drop_caches() { sync; echo 3 >/proc/sys/vm/drop_caches; }
