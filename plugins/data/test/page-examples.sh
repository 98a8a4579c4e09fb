#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every example of the original's manual page gives the bytes that Debian's
# nbdkit gives; </dev/urandom[:512]*16 cannot, and repeats itself instead.
# shellcheck disable=SC2016,SC2154,SC2164 # the data's variables
. "${0%/*}/lib.sh"
need nbdcopy
theirs=${NBDKIT_DEBIAN:-/usr/bin/nbdkit}
"$theirs" data --version >/dev/null 2>&1 || skip "Debian's nbdkit is missing: apt-get install nbdkit"
nbdkit=$(realpath "$nbdkit")
cd "$tmp"
printf abc >file1
seq 1000 >file2
head -c 1024 file2 >file3

both() {
  local server
  for server in "$theirs" "$nbdkit"; do
    rm -f "out.${server//\//_}"
    "$server" -U - data "$@" --run "nbdcopy \"\$uri\" 'out.${server//\//_}'" >log 2>&1 ||
      fail "$server refuses $*: $(cat log)"
  done
  cmp "out.${theirs//\//_}" "out.${nbdkit//\//_}" || fail "not the same: $*"
}

both '0 1 2 3 @0x1fe 0x55 0xaa'
both '0 1 2 3 @^0x200 @-2 le16:0xaa55'
both base64='aGVsbG8gbmJka2l0IHVzZXI='
both base64=MTIz size=1M
both raw='Hello, world!'
both raw=binary_data size=4
both ' ( 0x55 0xAA )*2048 '
both ' ( "Hello" )*2000 ' size=8192
both ' <file1 @^512 <file2 @^512 <file3 @^512 '
both ' be32:0x1 '
both '0xFF*16'
both ' <( i=0
          while :; do
            printf "%04d" $i; i=$((i+1))
          done )[:32768] '
both '( 0x55 0xAA ) * 256'
both ' ( 0x55 0xAA ) -> \boot-signature
       ( @0x1fe \boot-signature ) -> \sector
       \sector \sector '
both '$pattern*16' pattern='0x55 0xAA'
pattern='0x55 0xAA' both '$pattern*16'
both '( 0x55 0xAA )*16'

"$nbdkit" -U - data ' </dev/urandom[:512]*16 ' --run 'nbdcopy "$uri" random'
[ "$(stat -c %s random)" = 8192 ]
[ "$(split -b 512 --filter=md5sum random | sort -u | wc -l)" = 1 ]
