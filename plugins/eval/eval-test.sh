#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The examples of eval's page, and missing= for what is not given.
. "$SOURCE/plugins/sh/test/lib.sh"
need qemu-io nbdinfo realpath

truncate -s 1M "$tmp/disk.img"
# shellcheck disable=SC2016 # the scripts' variables
"$nbdkit" -U "$tmp/sock" eval \
  config='ln -sf "$(realpath "$3")" $tmpdir/file' \
  get_size='stat -Lc %s $tmpdir/file' \
  pread='dd if=$tmpdir/file skip=$4 count=$3 iflag=count_bytes,skip_bytes' \
  pwrite='dd of=$tmpdir/file seek=$4 conv=notrunc oflag=seek_bytes' \
  file="$tmp/disk.img" --run "qemu-io -f raw -c 'w -P 5 1000 3000' -c 'r -P 5 1000 3000' '$uri'" >"$tmp/out"
rm "$tmp/sock"
[ "$(tr -dc '\005' <"$tmp/disk.img" | wc -c)" = 3000 ] || fail "not in the file"

# shellcheck disable=SC2016
start eval get_size='echo 1M' pread='head -c $3 /dev/zero' \
  missing='echo "$1" >>"$tmpdir/../'"${tmp##*/}"'/missing"; exit 2'
nbdinfo "$uri" >"$tmp/info"
grep -q 'is_read_only: true' "$tmp/info" || fail "$(cat "$tmp/info")"
grep -qx can_write "$tmp/missing" || fail "can_write did not reach missing"
! "$nbdkit" -U - eval get_size='echo 1' pread='exit 1' unknown=1 2>"$tmp/log" || fail "taken"
said "unknown parameter 'unknown' for plugin eval"

# shellcheck disable=SC2016 # the script's variable
"$nbdkit" eval get_size='echo 1' pread='exit 1' dump_plugin='echo "more=$1"' thread_model='echo Parallel' \
  --dump-plugin >"$tmp/out"
for line in max_known_status=8 more=dump_plugin thread_model=parallel; do
  grep -qx $line "$tmp/out" || fail "--dump-plugin has no $line: $(cat "$tmp/out")"
done
