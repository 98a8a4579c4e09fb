#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# -D file.zero=1 tells how a zero request was done, and only that makes it tell.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
needs qemu-io qemu-utils
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
truncate -s 1M "$dir/disk"
for flag in 1 0; do
  "$BUILD/bin/nbdkit" -v -D file.zero=$flag -U - file "$dir/disk" \
    --run 'qemu-io -f raw -c "write -z 0 64k" "$uri"' >"$dir/out$flag" 2>&1
done
grep -q 'file: zero: zeroing a range of 65536 bytes at 0: ' "$dir/out1"
if grep 'file: zero: zeroing' "$dir/out0"; then exit 1; fi
"$BUILD/bin/nbdkit" -D split.zero=1 split "$dir/disk" --version >"$dir/out" 2>&1 && exit 1
grep -q 'split has no debug flag "zero"' "$dir/out"
