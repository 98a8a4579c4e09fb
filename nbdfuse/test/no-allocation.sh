#!/usr/bin/env bash
# Nothing is allocated for a write, whatever the server's block sizes are: who waits for
# memory while the kernel writes to free some waits for ever.
. "${0%/*}/lib.sh"
[[ -z ${SANITIZED-} ]] || skip "a sanitizer has its own allocator"
counter=$BUILD/test/count-allocations.so

export ALLOCATIONS=$tmp/allocations
reset() { dd if=/dev/zero of="$ALLOCATIONS" bs=16 count=1 conv=notrunc status=none; }
reset
real=$nbdfuse
cat >"$tmp/nbdfuse" <<S
#!/bin/bash
LD_PRELOAD=$counter exec "$real" "\$@"
S
chmod +x "$tmp/nbdfuse"
nbdfuse=$tmp/nbdfuse

# write_some BYTES COUNT: four writers, each with a place of its own
write_some() {
  local i pids=()
  for i in {0..3}; do
    dd if=/dev/zero of="$dir/nbd" bs="$1" count="$2" seek="$((i * (1 << 24) + 1))B" oflag=direct \
      conv=notrunc status=none &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i" || fail "a write of $1 bytes failed"; done
}

check() {  # the server's block sizes are $1 $2 $3
  local size ours libraries
  start_server --filter=blocksize-policy memory 128M \
    blocksize-minimum="$1" blocksize-preferred="$2" blocksize-maximum="$3"
  start_nbdfuse "$dir" --unix "$sock"
  for size in 512 4096 100000 1M; do
    write_some "$size" 8
    reset
    write_some "$size" 8
    read -r ours libraries < <(od -An -t u8 "$ALLOCATIONS")
    echo "block sizes $*: 32 writes of $size: $ours allocations, and $libraries of libraries"
    ((ours == 0)) || fail "nbdfuse allocated $ours times in 32 writes of $size bytes"
    # libfuse has one for each request, so if there are none nothing was counted.
    ((libraries >= 32)) || fail "only $libraries allocations of libfuse were seen"
  done
  unmount_and_expect 0
  kill_server
}
check 1 4096 32M
check 4096 4096 64K
