#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# -u and -g: after the sockets are open, for good, and without the groups of
# whoever started the server.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin
[[ $(id -u) -eq 0 ]] || { echo "skipped: only root can change users"; exit 77; }

user=nobody group=$(id -gn nobody)
uid=$(id -u "$user") gid=$(id -g "$user")
chmod 777 "$scratch"
state() { sed -n "s/^$1:\t//p" "/proc/$server/status"; }

start -u "$user" -g "$group" -U "$scratch/sock" memory 1M
equal "users" "$uid	$uid	$uid	$uid" "$(state Uid)"
equal "groups" "$gid	$gid	$gid	$gid" "$(state Gid)"
equal "supplementary groups" "$gid" "$(state Groups | tr -d ' ')"
equal "capabilities" 0 "$((16#$(state CapEff)))"
equal "owner of the PID file" "$user" "$(stat -c %U pid)"
equal "size" 1048576 "$(nbdinfo --size "nbd+unix:///?socket=$scratch/sock")"
stop

start --user="$uid" --group="$gid" -U "$scratch/sock2" memory 1M
equal "users by number" "$uid	$uid	$uid	$uid" "$(state Uid)"
equal "groups by number" "$gid	$gid	$gid	$gid" "$(state Gid)"
stop
start -u "$user" -U "$scratch/sock3" memory 1M
equal "users with -u alone" "$uid	$uid	$uid	$uid" "$(state Uid)"
equal "supplementary groups with -u alone" "$(id -g)" "$(state Groups | tr -d ' ')"
stop

# A port that only root may have is open before the user changes, which after_fork
# comes after.
if [[ $(cat /proc/sys/net/ipv4/ip_unprivileged_port_start) -gt 700 ]] &&
   ! ss -Hltn 'sport = :700' | grep -q .; then
  start -u "$user" -i 127.0.0.1 -p 700 eval get_size='echo 1M' after_fork='id -u >after-fork' \
    pread='head -c $3 /dev/zero'
  equal "size on a privileged port" 1048576 "$(nbdinfo --size nbd://127.0.0.1:700)"
  equal "user of after_fork" "$uid" "$(cat after-fork)"
  stop
fi

# The command of --run keeps its rights, can reach the private socket, and that
# does not stay behind.
mkdir t; chmod 1777 t
# shellcheck disable=SC2016
TMPDIR="$scratch/t" "$NBDKIT" -u "$user" -g "$group" memory 1M \
  --run 'id -u; nbdinfo --size "$uri"; stat -c %U "$unixsocket"' >out
equal "the command" "0 1048576 $user" "$(tr '\n' ' ' <out | sed 's/ $//')"
equal "left behind" '' "$(ls t)"

# Who may not, is told so, and starts nothing.
status=0
setpriv --reuid="$uid" --regid="$gid" --clear-groups "$NBDKIT" -u root -U "$scratch/no" null 2>err || status=$?
equal "status of an unprivileged change" 1 "$status"
grep -q '"root": Operation not permitted' err || fail "$(cat err)"
[[ ! -e no ]] || fail "its socket is left"
# shellcheck disable=SC2016
equal "no change" 1048576 "$(setpriv --reuid="$uid" --regid="$gid" --clear-groups \
  "$NBDKIT" -u "$user" -g "$group" memory 1M --run 'nbdinfo --size "$uri"')"
