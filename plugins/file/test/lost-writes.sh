#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A write that the disk loses after it was taken is an error of the next flush,
# with cache=none too. The disk: a loop device over a file system that is full.
. "${BASH_SOURCE%/*}/../../test-functions.sh"
needs qemu-io qemu-utils
needs losetup mount
[[ $(id -u) -eq 0 ]] || { echo "skipped: only root can make a loop device"; exit 77; }

dir=$(mktemp -d)
loop=
clean_up() {
  [[ -z $loop ]] || losetup -d "$loop"
  until umount "$dir" 2>/dev/null; do mountpoint -q "$dir" || break; sleep 0.1; done
  rmdir "$dir"
}
trap clean_up EXIT
mount -t tmpfs -o size=24M none "$dir"
truncate -s 256M "$dir/disk"
loop=$(losetup --find --show "$dir/disk") || { echo "skipped: no loop device"; exit 77; }

for cache in default none; do
  # shellcheck disable=SC2016 # the server sets $uri
  if "$BUILD/bin/nbdkit" file "$loop" cache=$cache --run '
       qemu-io -f raw -t writeback -c "write 0 32M" -c "write 32M 28M" -c flush "$uri" >/dev/null 2>&1'
  then echo "FAIL: cache=$cache: data is lost and nobody was told" >&2; exit 1; fi
done
