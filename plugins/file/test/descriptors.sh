#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fd= and dirfd= serve what the caller has opened, as far as it has opened it.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
needs nbdcopy libnbd-bin
needs qemu-io qemu-utils
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/disks"
echo one >"$dir/disks/one"
seq 100000 >"$dir/disk"
cp "$dir/disk" "$dir/copy"

exec 5<>"$dir/disk" 6<"$dir/copy" 7<"$dir/disks" 8>"$dir/only-written"
rm "$dir/disk"  # it has no name any more
serve file fd=5 --run 'nbdcopy "$uri" -' | cmp - "$dir/copy"
serve file fd=5 --run 'qemu-io -f raw -c "write -P 65 0 512" "$uri"' >"$dir/log"
[ "$(serve file fd=5 --run 'nbdcopy "$uri" -' | head -c 512 | tr -d A | wc -c)" = 0 ]
serve file fd=6 --run 'nbdinfo "$uri"' >"$dir/log"
grep -q 'is_read_only: true' "$dir/log" || fail "a read-only descriptor is written to"
serve file dirfd=7 -e one --run 'nbdcopy "$uri" -' | head -c 4 | cmp - "$dir/disks/one"
# Not for the client.
serve file fd=6 --run '! { true <&6; } 2>/dev/null'

refused 'cannot be read' file fd=8
refused 'not an open descriptor: fd=99' file fd=99
refused 'not a descriptor above 2' file fd=1
refused 'could not parse' file fd=x
refused 'not a regular file or block device' file fd=7
refused 'not a folder' file dirfd=6
refused 'only one of file=, dir=, fd= and dirfd=' file fd=5 file="$dir/copy"
