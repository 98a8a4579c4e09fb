#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every allocator is a disk, what it cannot be told is refused, and trimming the
# disk gives its memory back.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
export PATH=/usr/bin:$PATH  # where the Python that has libnbd is
needs nbdcopy libnbd-bin
needs nbdsh python3-libnbd
needs qemu-io qemu-utils
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

allocators=(sparse malloc)
if serve memory 1M allocator=zstd --run true 2>"$dir/log"; then
  has_zstd=yes
  allocators+=(zstd "zstd,level=1")
else
  has_zstd=no
  grep -q 'built without it' "$dir/log" || fail "$(cat "$dir/log")"
  echo "left out: allocator=zstd (apt-get install libzstd-dev)"
fi

# Something that can be compressed, something that cannot, and a hole.
{ seq 2000000; head -c 4M /dev/urandom; } >"$dir/in"
truncate -s 32M "$dir/in"
for allocator in "${allocators[@]}"; do
  rm -f "$dir/out"
  serve memory 32M allocator="$allocator" \
    --run 'nbdcopy '"$dir/in"' "$uri" && nbdcopy "$uri" '"$dir/out"
  cmp "$dir/in" "$dir/out"
  serve memory 32M allocator="$allocator" --run 'qemu-io -f raw "$uri" \
    -c "w -P 1 0 1M" -c "w -P 2 512 512" -c "w -z 40k 70k" -c "discard 512k 64k" \
    -c "r -P 1 0 512" -c "r -P 2 512 512" -c "r -P 1 1k 39k" -c "r -P 0 40k 70k" \
    -c "r -P 1 110k 402k" -c "r -P 0 512k 64k" -c "r -P 1 576k 448k" -c "r -P 0 1M 31M"' \
    >"$dir/log" 2>&1 || fail "$allocator: $(cat "$dir/log")"
  ! grep -i -e failed -e error "$dir/log" || fail "$allocator: see above"
done

# 128 MB that can hardly be compressed, in pieces so small that no page is written
# whole, then trimmed. A sanitizer would keep what is freed.
for allocator in "${allocators[@]}"; do
  [[ $allocator != malloc && -z ${SANITIZED-} ]] || continue
  serve memory 1T allocator="$allocator" --run 'nbdsh -u "$uri" -c "
import os
def resident():
    pid = int(open(\"'"$dir"'/pid\").read())
    for line in open(f\"/proc/{pid}/status\"):
        if line.startswith(\"VmRSS\"): return int(line.split()[1]) // 1024
before, data = resident(), os.urandom(20 << 10)
for i in range(6400): h.pwrite(data, i * len(data))
full = resident()
for i in range(128): h.trim(1 << 20, i << 20)
after = resident()
print(f\"before {before} MB, full {full} MB, after {after} MB\")
assert full - before > 60 and after - before < 16
"' -P "$dir/pid" || fail "$allocator: memory is kept"
done

# Scripts ask for it so, where the server can be asked.
if dump=$("$BUILD/bin/nbdkit" memory --dump-plugin 2>/dev/null); then
  grep -qx mlock=yes <<<"$dump" || fail "$dump"
  [ $has_zstd = no ] || grep -qx zstd=yes <<<"$dump" || fail "$dump"
fi

[ "$(serve memory 1M 2M --run 'nbdinfo --size "$uri"')" = $((2 << 20)) ]
refused 'you must give the size' memory allocator=sparse
refused 'unknown allocator: expected sparse, malloc or zstd, got "wood"' memory 1M allocator=wood
refused 'unknown parameter of the allocator: "level=1"' memory 1M allocator=sparse,level=1
refused 'unknown parameter of the allocator: "x=1"' memory 1M allocator=malloc,mlock=false,x=1
if [ $has_zstd = yes ]; then
  refused 'level=23 is not from 1 to 22' memory 1M allocator=zstd,level=23
  refused 'level=0 is not from 1 to 22' memory 1M allocator=zstd,level=0
  refused 'could not parse' memory 1M allocator=zstd,level=fast
  refused 'unknown parameter of the allocator: "mlock=true"' memory 1M allocator=zstd,mlock=true
fi
