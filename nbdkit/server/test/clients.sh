#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The usual clients over TCP and Unix sockets, newstyle and oldstyle, with and
# without structured replies.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin
need qemu-img qemu-utils
need fio fio

try() { # try URI
  local uri=$1
  nbdinfo "$uri" >info || fail "nbdinfo $uri"
  grep -q 'export-size: 4194304' info || fail "nbdinfo $uri: $(cat info)"
  qemu-img info "$uri" >info
  grep -q '4194304 bytes' info || fail "qemu-img info $uri: $(cat info)"
  nbdcopy random.img "$uri"
  nbdcopy "$uri" copy.img; cmp random.img copy.img
  qemu-img convert -O raw "$uri" copy2.img; cmp random.img copy2.img
  qemu-img compare -f raw -F raw random.img "$uri" >/dev/null
  fio --name=verify --ioengine=nbd --uri="$uri" --rw=randrw --bs=4k --iodepth=16 --size=4M \
      --verify=crc32c --output=fio.out >/dev/null || fail "fio: $(cat fio.out)"
}

head -c 4M /dev/urandom >random.img
for options in '' '--no-sr' '-o' '-t 1'; do
  echo "options: $options"
  # shellcheck disable=SC2086  # several words
  start -U "$scratch/sock" $options memory 4M
  try "nbd+unix:///?socket=$scratch/sock"
  stop; rm -f sock
  # shellcheck disable=SC2086
  start -i 127.0.0.1 -p 0 $options memory 4M
  port=$(ss -Hltnp | sed -n "s/.*127\.0\.0\.1:\([0-9]*\) .*pid=$server,.*/\1/p")
  try "nbd://127.0.0.1:$port"
  stop
done

echo "nbd-client: the list of exports"
need nbd-client nbd-client
mkdir exports
: >exports/one; : >exports/two
start -i 127.0.0.1 -p 0 file dir=exports
port=$(ss -Hltnp | sed -n "s/.*127\.0\.0\.1:\([0-9]*\) .*pid=$server,.*/\1/p")
nbd-client -l 127.0.0.1 "$port" >list || fail "nbd-client -l: status $?"
equal "exports that nbd-client sees" 'one two' "$(tail -n 2 list | xargs)"
stop
