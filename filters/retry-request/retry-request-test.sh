#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A request that fails a few times succeeds; one that fails too often does not, after so many
# tries. The plugin stays open.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
# fails_first N: code that fails the first N times it is run, and counts.
fails_first() { echo 'echo x >>'"$dir"'/tries; [ $(wc -l <'"$dir"'/tries) -gt '"$1"' ] || { echo EIO not yet >&2; exit 1; };'; }
tries() { wc -l <tries; rm -f tries; }
run() { serve --filter=retry-request eval open="echo opened >>$dir/opened; echo h" get_size='echo 1M' "$@" retry-request-delay=1ms 2>err; }
read_it='nbdsh -u "$uri" -c "print(bytes(h.pread(4, 0)))"'
expect "b'data'" "$(run pread="$(fails_first 2) printf data" --run "$read_it")"
expect 3 "$(tries)"
expect 1 "$(wc -l <opened)"
if run pread="$(fails_first 3) printf data" --run "$read_it"; then fail 'three tries were enough'; fi
expect 3 "$(tries)"
expect "b'data'" "$(run pread="$(fails_first 7) printf data" retry-request-retries=7 --run "$read_it")"
expect 8 "$(tries)"
if run pread="$(fails_first 1) printf data" retry-request-retries=0 --run "$read_it"; then fail 'no retry was wanted'; fi
expect 1 "$(tries)"
# Extents of a try that failed are none of the answer; a fast zero that is refused is refused.
expect '0 1048576 0' "$(run pread='exit 1' can_extents='exit 0' extents="$(fails_first 1) echo 0 1M" --run 'nbdinfo --map "$uri"' | awk '{print $1, $2, $3}')"
tries >/dev/null
expect EOPNOTSUPP "$(python_client 'print(fails(lambda: h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO)))' --filter=retry-request eval \
  get_size='echo 1M' pread='exit 1' pwrite='cat >/dev/null' can_write='exit 0' can_zero='exit 0' can_fast_zero='exit 0' \
  zero="$(fails_first 0)"' echo EOPNOTSUPP >&2; exit 1' retry-request-delay=1ms 2>/dev/null | sed 's/ENOTSUP/EOPNOTSUPP/')"
expect 1 "$(tries)"
# Opening, too, unless that is not wanted.
fails_open() { serve --filter=retry-request eval open="$(fails_first 2) echo h" get_size='echo 1M' pread='exit 1' retry-request-delay=1ms "$@" --run 'nbdinfo --size "$uri"' 2>/dev/null; }
expect 1048576 "$(fails_open)"
rm -f tries
if fails_open retry-request-open=false; then fail 'opening was tried again'; fi
# While one waits, others go on; a client that leaves does not keep the server.
timeout 60 "$BUILD/bin/nbdkit" -U - --filter=retry-request --filter=error pattern 1M error-pread-nth=1 retry-request-delay=1000 --run '
  timeout 50 nbdsh -u "$uri" -c "
c = h.aio_pread(nbd.Buffer(512), 0)
h.pread(512, 512)"' 2>/dev/null || fail "a request that waits held up others, or the server: $?"
refused 'retry-request-delay' --filter=retry-request memory 1M retry-request-delay=x
refused 'retry-request-retries' --filter=retry-request memory 1M retry-request-retries=-1
