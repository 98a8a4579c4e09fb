#!/usr/bin/env bash
# A server that takes whole blocks of 4 KiB only, and at most 64 KiB at a time:
# any read and write works, also beside each other in one block.
. "${0%/*}/lib.sh"
other=${OTHER_NBDKIT:-/usr/bin/nbdkit}
"$other" --dump-plugin eval >/dev/null 2>&1 || skip "nbdkit-eval-plugin is missing (package nbdkit)"

truncate -s 4M "$tmp/image"
nbdkit=$other start_server eval get_size="echo 4194304" block_size="echo 4096 4096 65536" \
  can_write="exit 0" can_flush="exit 0" can_zero="exit 3" thread_model="echo parallel" \
  pread="dd if=$tmp/image iflag=count_bytes,skip_bytes skip=\$4 count=\$3 status=none" \
  pwrite="dd of=$tmp/image oflag=seek_bytes seek=\$4 conv=notrunc bs=64K status=none" flush="exit 0"
start_nbdfuse "$dir" --unix "$sock"
head -c 1000000 /dev/urandom >"$tmp/data"
dd if="$tmp/data" of="$dir/nbd" bs=1M conv=notrunc oflag=direct status=none
dd if="$tmp/data" of="$dir/nbd" bs=333 count=9 seek=5 skip=5 conv=notrunc oflag=direct status=none
# Eight neighbours at a time, each a part of the same block.
for i in {0..7}; do
  dd if="$tmp/data" of="$dir/nbd" bs=512 count=1 seek="$i" skip="$i" conv=notrunc status=none &
  writers[i]=$!
done
for pid in "${writers[@]}"; do wait "$pid" || fail "a write failed"; done
cmp -n 1000000 "$tmp/data" "$dir/nbd"
cmp -n 1000000 "$tmp/data" "$tmp/image"
fallocate -p -n -o 5000 -l 100000 "$dir/nbd"
fallocate -p -n -o 5000 -l 100000 "$tmp/data"
cmp -n 1000000 "$tmp/data" "$dir/nbd"
unmount_and_expect 0
