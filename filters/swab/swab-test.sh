#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Words are the other way round in reads and in writes; what is no word is refused.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
for bits in 8 16 32 64; do
  abilities_like_the_original swab memory 1000001 swab-bits=$bits
done
bytes() { serve --filter=swab data '0 1 2 3 4 5 6 7 8 9' "$@" --run 'nbdcopy "$uri" - | od -An -tu1 | tr -s " "'; }
expect ' 1 0 3 2 5 4 7 6 9 8' "$(bytes)"
expect ' 0 1 2 3 4 5 6 7 8 9' "$(bytes swab-bits=8)"
expect ' 3 2 1 0 7 6 5 4' "$(bytes swab-bits=32)"
expect ' 7 6 5 4 3 2 1 0' "$(bytes swab-bits=64)"
head -c 8 /dev/zero >disk
python_client '
h.pwrite(b"abcd", 4)
print(h.pread(4, 4).decode(), fails(lambda: h.pread(2, 1)), fails(lambda: h.pwrite(b"x", 0)), fails(lambda: h.zero(1, 0)))' \
  --filter=swab file disk >out 2>/dev/null
expect 'abcd EINVAL EINVAL EINVAL' "$(cat out)"
expect badc "$(tail -c 4 disk)"
# Byte by byte with blocksize in front, which learns the word from here.
expect 'bad' "$(python_client 'print(h.pread(3, 0).decode())' --filter=blocksize --filter=swab data '"abcd"')"
# Holes stay where they are, but for the word across an edge.
map=$(serve --filter=swab data '@65536 1*65535 @1000000' --run 'nbdinfo --map "$uri"' | awk '{ print $1, $2, $3 }' | tr '\n' ';')
expect "$(serve data '@65536 1*65535 @1000000' --run 'nbdinfo --map "$uri"' | awk '{ print $1, $2, $3 }' | tr '\n' ';')" "$map"
refused 'swab-bits: expected one of 8, 16, 32, 64, got "24"' --filter=swab memory 1M swab-bits=24
