#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The sums are those of the requests that succeeded, of all clients.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
counted() { sed -n 's/.* count: \(read .* bytes\)$/\1/p' err; }
python_client 'h.pread(512, 0); h.pread(1024, 512); h.pwrite(b"x" * 7, 3)
h.zero(4096, 0); h.zero(1, 5); h.trim(100, 0); h.flush(); h.cache(512, 0)
fails(lambda: h.pread(512, 1 << 20))
k = nbd.NBD(); k.connect_uri(h.get_uri()); k.pread(10, 0)' -v --filter=count memory 1M 2>err
expect 'read 1546, written 7, zeroed 4097, trimmed 100 bytes' "$(counted)"
# What fails below does not count, in parallel neither.
python_client 'for i in range(40): fails(lambda: h.pwrite(b"x" * 512, 0))
cookies = [h.aio_pread(nbd.Buffer(512), 512 * i) for i in range(64)]
for c in cookies:
  while not h.aio_command_completed(c): h.poll(-1)' -v --filter=count full 1M 2>err
expect 'read 32768, written 0, zeroed 0, trimmed 0 bytes' "$(counted)"
