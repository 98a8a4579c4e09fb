#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# example1 is a disk of 100 MiB with one partition, as sfdisk reads it.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
PATH=$PATH:/usr/sbin:/sbin
needs nbdcopy libnbd-bin
needs sfdisk fdisk
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

serve example1 --run 'nbdcopy "$uri" disk'
[ "$(stat -c %s disk)" = 104857600 ]
sfdisk -d disk | grep -q '^disk1 : start= *2048, size= *202752, type=83$' || fail "$(sfdisk -d disk)"
serve example1 --run 'nbdinfo "$uri"' | grep -q 'is_read_only: true'

# Under 25 lines without the comments, and no macro but the registration.
lines=$(grep -cvE '^ *(//.*)?$' "$SOURCE/plugins/example1/example1.cpp")
[ "$lines" -lt 25 ] || fail "$lines lines"
