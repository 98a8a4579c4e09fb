#!/usr/bin/env bash
# Random reads, writes, mappings, holes and zeroes of any offset and length on the
# file, compared with a model in memory; with each kind of cache, and with a server
# that wants whole blocks. The seed is printed, and can be given: SEED=7.
. "${0%/*}/lib.sh"
need python3
seed=${SEED:-$RANDOM}
echo "seed $seed"

cat >"$tmp/random-io.py" <<'P'
import ctypes, errno, mmap, os, random, sys
path, seed, steps, mapped = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "mapped"
rng = random.Random(seed)
libc = ctypes.CDLL(None, use_errno=True)
libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
fd = os.open(path, os.O_RDWR)
size = os.fstat(fd).st_size
model = bytearray(os.pread(fd, size, 0))
shared = mmap.mmap(fd, size) if mapped else None
def check(step, what, at, got):
    want = bytes(model[at:at + len(got)])
    if got != want:
        first = next(i for i in range(len(got)) if got[i] != want[i])
        sys.exit(f"seed {seed}, step {step}: {what} {len(got)} bytes at {at}: byte {at + first} "
                 f"is {got[first]}, expected {want[first]}")
for step in range(steps):
    at = rng.randrange(size)
    length = min(rng.choice([rng.randrange(1, 700), rng.randrange(1, 300000), 4096]), size - at)
    if rng.random() < 0.3:
        at, length = at & ~4095, max(4096, length & ~4095)
        length = min(length, size - at)
    what = rng.choice(["read", "read", "write", "write", "punch", "zero", "map", "sync", "seek"])
    if what == "read":
        check(step, what, at, os.pread(fd, length, at))
    elif what == "write":
        data = rng.randbytes(length)
        assert os.pwrite(fd, data, at) == length
        model[at:at + length] = data
    elif what in ("punch", "zero"):
        mode = 3 if what == "punch" else 0x11
        if libc.fallocate(fd, mode, at, length) != 0:
            sys.exit(f"seed {seed}, step {step}: {what}: {os.strerror(ctypes.get_errno())}")
        model[at:at + length] = bytes(length)
    elif what == "map" and mapped:
        if rng.random() < 0.5:
            data = rng.randbytes(length)
            shared[at:at + length] = data
            model[at:at + length] = data
        else:
            check(step, what, at, shared[at:at + length])
    elif what == "sync":
        os.fsync(fd)
    elif what == "seek":
        # What is called a hole must be zeroes.
        try:
            data = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as e:
            assert e.errno == errno.ENXIO
            data = size
        if any(model[at:data]):
            sys.exit(f"seed {seed}, step {step}: {at} to {data} is a hole and has data")
check(steps, "read", 0, os.pread(fd, size, 0))
P
steps=${STEPS:-600}
[[ -z ${SANITIZED-} ]] || steps=100

round() { # WHAT MAPPED NBDFUSE-OPTIONS...
  start_nbdfuse "${@:3}" "$dir" --unix "$sock"
  python3 "$tmp/random-io.py" "$dir/nbd" "$seed" "$steps" "$2" || fail "$1"
  unmount_and_expect 0
}
truncate -s 4097K "$tmp/image"
start_server file "$tmp/image"
round "written through" mapped
round "--cache=none" plain --cache=none
round "--cache=writeback" mapped --cache=writeback
kill_server
start_server --filter=blocksize-policy memory 4M blocksize-minimum=4096 blocksize-maximum=64K \
  blocksize-error-policy=error
round "whole blocks" mapped
