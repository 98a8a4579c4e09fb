#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A large image of random data goes in by one client and comes out by another.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdcopy libnbd-bin
need qemu-img qemu-utils

size=${ROUND_TRIP_SIZE:-1G}
head -c "$size" /dev/urandom >in.img
truncate -s "$size" disk.img
for plugin in "memory $size" "memory $size allocator=malloc" 'file disk.img'; do
  rm -f out.img
  # shellcheck disable=SC2016,SC2086
  "$NBDKIT" $plugin --run 'nbdcopy in.img "$uri" && qemu-img convert -O raw "$uri" out.img'
  cmp in.img out.img || fail "$plugin: the copies differ"
done
cmp in.img disk.img || fail "the file itself differs"
