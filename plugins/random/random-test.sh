#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# random is the same for the same seed, however it is read, and different for
# another; only what is there can be written.
#
# Method: nbdcopy reads in large aligned requests, over several connections and
# in any order; nbdsh, from the end to the start in pieces of odd lengths.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
export PATH=/usr/bin:$PATH  # where the Python that has libnbd is
needs nbdcopy libnbd-bin
needs nbdsh python3-libnbd
needs qemu-io qemu-utils
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

image() { serve random 5000003 "$@" --run 'nbdcopy "$uri" -'; }
image seed=42 >"$dir/a"
[ "$(stat -c %s "$dir/a")" = 5000003 ]
serve random 5000003 seed=42 --run 'nbdsh -u "$uri" -c "
end, pieces = h.get_size(), []
while end > 0:
    start = max(0, end - 7919)
    pieces.insert(0, h.pread(end - start, start))
    end = start
open(\"'"$dir"'/b\", \"wb\").write(b\"\".join(pieces))"'
cmp "$dir/a" "$dir/b"
! cmp -s "$dir/a" <(image seed=43) || fail "another seed gives the same data"
! cmp -s <(image) <(image) || fail "without a seed, the data is the same each time"
[ "$(gzip -9 <"$dir/a" | wc -c)" -gt 5000003 ] || fail "it can be compressed"

serve random 10M --run 'nbdcopy "$uri" "$uri"'
for request in 'write -P 1 4093 17' 'write -z 0 4k' 'discard 0 64k'; do
  request_fails "$request" 'Input/output error' random 1M
done

refused 'you must give the size' random seed=1
refused 'seed: could not parse' random 1M seed=x
