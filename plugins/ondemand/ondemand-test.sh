#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# ondemand makes a filesystem for each new name, keeps it and locks it.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
PATH=/usr/bin:$PATH:/usr/sbin  # where the Python that has libnbd is; mkfs
needs mkfs.ext4 e2fsprogs
needs nbdsh python3-libnbd
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mkdir exports
uri='uri() { echo "nbd+unix:///$1?socket=$unixsocket"; };'
disks() { find exports -mindepth 1 -printf '%f\n' | sort | tr '\n' ' '; }

# Two names are two filesystems; what a client writes is there for the next.
serve ondemand dir=exports 8M label=mine --run "$uri"'
  nbdsh -u "$(uri one)" -c "h.pwrite(b\"hello\", 0)" -c "h.flush()"
  nbdsh -u "$(uri)" -c "assert h.get_size() == 8 << 20"
  nbdsh -u "$(uri one)" -c "assert h.pread(5, 0) == b\"hello\""'
[ "$(disks)" = 'default one ' ] || fail "$(disks)"
e2label exports/default | grep -qx mine
e2fsck -fn exports/default >/dev/null 2>&1
[ "$(stat -c %b exports/default)" -lt 8192 ] || fail "the disk is not sparse"
serve ondemand dir=exports 4M --run 'nbdinfo --list "$uri"' | grep -c '^export=' | grep -qx 2

# One client at a time; with wait=true the second gets its turn.
two='nbdsh -u "$uri" -c "import time; time.sleep(1)" & sleep 0.4; nbdinfo --size "$uri"; s=$?; wait; exit $s'
said=$(serve ondemand dir=exports 8M --run "$two" 2>&1) && fail "the disk was not locked"
grep -q 'locked by another client' <<<"$said" || fail "$said"
[ "$(serve ondemand dir=exports 8M wait=true --run "$two")" = 8388608 ]

# A command with variables; if it fails, nothing is left of it.
serve ondemand dir=exports 1M text="it's \$x" command='printf "%s %s" "$text" $size >"$disk"' \
  --run "$uri"'nbdinfo --size "$(uri cmd)"' | grep -qx 15
grep -qx "it's \$x 1048576" exports/cmd
said=$(serve ondemand dir=exports 1M command='touch "$disk"; exit 3' \
  --run "$uri"'nbdinfo "$(uri broken)"' 2>&1) || true
grep -q 'command for export broken failed: exit status 3' <<<"$said" || fail "$said"
[ "$(disks)" = 'cmd default one ' ] || fail "$(disks)"

for name in %2e%2e a%2fb a:b; do
  said=$(serve ondemand dir=exports 1M --run "$uri nbdinfo \"\$(uri $name)\"" 2>&1) || true
  grep -q 'not a valid name' <<<"$said" || fail "$name: $said"
done
refused "unknown parameter 'colour'" ondemand dir=exports 1M colour=red
refused 'you must give the folder' ondemand 1M
refused 'you must give the size' ondemand dir=exports
