#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: a small request does not become more expensive unnoticed. Times say little
# on a machine that others use, so instructions are counted. Method: valgrind counts
# those of the transmission phase, while a client sends batches of 64 requests of
# 4 KiB; what the kernel does is not in it. A bound is what was counted with g++ 12,
# and a fifth.
# shellcheck source=lib.sh
. "$SOURCE/nbdkit/server/test/lib.sh"
case ${SANITIZED-} in ?*) echo "skipped: sanitizers add instructions of their own"; exit 77 ;; esac
grep -q '^CMAKE_BUILD_TYPE:STRING=RelWithDebInfo$' "$BUILD/CMakeCache.txt" ||
  { echo "skipped: not an optimised build (CMAKE_BUILD_TYPE)"; exit 77; }
# Copying is counted too, and done with what the processor has.
grep -qw avx2 /proc/cpuinfo || { echo "skipped: the bounds are for processors with AVX2"; exit 77; }
need python3 python3
need valgrind valgrind

batches=50 requests=$((50 * 64))

# counted NAME read|write BOUND ARGS...: instructions per request of `nbdkit ARGS`.
counted() {
  local name=$1 kind=$2 bound=$3 total; shift 3
  rm -f s pid counts
  valgrind --tool=callgrind --callgrind-out-file=counts --toggle-collect='nbdkit::Transmission::run()' \
    "$BUILD/bin/nbdkit" -f -U "$scratch/s" -P pid "$@" >log 2>&1 &
  local server=$!; started+=("$server")
  until_true 60 test -s pid
  "$SOURCE/nbdkit/session/test/batches.py" "$scratch/s" "$kind" $batches </dev/null ||
    fail "$name: the client failed: $(cat log)"
  kill -TERM $server; wait $server || fail "$name: the server ended with status $?: $(cat log)"
  total=$(awk '/^(summary|totals):/ { print $2; exit }' counts)
  echo "$name: $((total / requests)) instructions per request, at most $bound"
  ((total / requests > 100)) || fail "$name: nothing was counted: $(tail -n 5 log)"
  ((total / requests <= bound)) || fail "$name: more than $bound"
}

truncate -s 1M disk
counted "a read from memory" read 1400 memory 1M allocator=malloc
counted "a write to memory" write 1450 memory 1M
counted "a read of a file" read 690 file disk
counted "a write to a file" write 3200 file disk
