#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The client is told the sizes, and with the policy "error" held to them.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
abilities_like_the_original blocksize-policy memory 1M
abilities_like_the_original blocksize-policy memory 1M blocksize-preferred=32k
abilities_like_the_original blocksize-policy memory 1M blocksize-maximum=1M
abilities_like_the_original blocksize-policy memory 1M blocksize-minimum=4k blocksize-preferred=64k blocksize-maximum=32M
abilities_like_the_original blocksize-policy memory 1M blocksize-minimum=8k  # more than is preferred: refused
code='
M = 1 << 20
for n, f in (("read", h.pread), ("zero", h.zero), ("trim", h.trim), ("cache", h.cache)):
  print(n, fails(lambda: f(2 * M, 0)), fails(lambda: f(2048, 0)), fails(lambda: f(4096, 512)), fails(lambda: f(8192, 4096)))
print("write", fails(lambda: h.pwrite(bytes(2 * M), 0)), fails(lambda: h.pwrite(b"x", 0)), fails(lambda: h.pwrite(bytes(4096), 4096)))'
sizes=(blocksize-minimum=4k blocksize-preferred=4k blocksize-maximum=1M)
expect 'read EINVAL EINVAL EINVAL ok
zero ok EINVAL EINVAL ok
trim ok EINVAL EINVAL ok
cache ok EINVAL EINVAL ok
write EINVAL EINVAL ok' "$(python_client "$code" --filter=blocksize-policy memory 16M blocksize-error-policy=error "${sizes[@]}" 2>/dev/null)"
expect 'read EINVAL EINVAL EINVAL ok
zero EINVAL EINVAL EINVAL ok
trim EINVAL EINVAL EINVAL ok
cache EINVAL EINVAL EINVAL ok
write EINVAL EINVAL ok' "$(python_client "$code" --filter=blocksize-policy memory 16M blocksize-error-policy=strict-error "${sizes[@]}" 2>/dev/null)"
if python_client "$code" --filter=blocksize-policy memory 16M "${sizes[@]}" | grep EINVAL; then fail 'refused without the policy'; fi
# With blocksize below it, any request works although sizes are told.
expect 'ok' "$(python_client 'print(fails(lambda: h.pwrite(b"x", 1)))' --filter=blocksize-policy --filter=blocksize memory 1M \
  minblock=4k "${sizes[@]}")"
# Too long a write ends the connection.
expect 'ok False' "$(python_client '
first = fails(lambda: h.pwrite(bytes(65536), 0))
fails(lambda: h.pwrite(bytes(65537), 0))
print(first, fails(lambda: h.pread(1, 0)) == "ok")' --filter=blocksize-policy memory 1M blocksize-write-disconnect=64k 2>/dev/null)"
refused 'blocksize-minimum: expected a power of 2 from 1 to 65536, got "3k"' --filter=blocksize-policy memory 1M blocksize-minimum=3k
refused 'blocksize-error-policy: expected one of allow, error, strict-error, got "maybe"' --filter=blocksize-policy memory 1M blocksize-error-policy=maybe
