#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# split is its files one after the other: for reads, writes and extents that
# lie across their borders as well, and with an empty file among them.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
needs nbdcopy libnbd-bin
needs qemu-io qemu-utils
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

head -c 100001 /dev/urandom >a
: >b
head -c 65536 /dev/urandom >c
head -c 7 /dev/urandom >d
cat a b c d >whole
serve split a b file=c d --run 'nbdcopy "$uri" copy'
cmp whole copy
against_the_original 'nbdcopy "$uri" - | sha256sum' split a c d

serve split a b c d --run 'qemu-io -f raw -c "write -P 7 90000 70000" -c flush "$uri"' >/dev/null
head -c 70000 /dev/zero | tr '\0' '\7' | dd of=whole bs=1 seek=90000 conv=notrunc status=none
cat a b c d | cmp - whole

# A hole across a border is one hole, and zeroing does not fill it.
truncate -s 1M hole1 hole2
head -c 1M /dev/zero | tr '\0' x >data
map() { serve split data hole1 hole2 data --run 'nbdinfo --map "$uri"' | awk '{ print $1, $2, $3 }'; }
[ "$(map | tr '\n' ' ')" = "0 1048576 0 1048576 2097152 3 3145728 1048576 0 " ] || fail "$(map)"
serve split hole1 hole2 --run 'qemu-io -f raw -c "write -z -u 0 2M" "$uri"' >/dev/null
[ "$(stat -c %b hole2)" = 0 ]

serve -r split a d --run 'nbdinfo "$uri"' | grep -q 'is_read_only: true'
refused 'at least one file' split
refused 'cannot read /nonexistent: No such file' split a /nonexistent
