#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is no disk is not opened, and a file that shrank is no hole.
. "${BASH_SOURCE%/*}/../../test-functions.sh"
needs nbdinfo libnbd-bin
needs /usr/bin/nbdsh libnbd-bin

dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir" || exit 1
mkdir d; mkfifo d/pipe; truncate -s 1M d/disk
# shellcheck disable=SC2016 # the server sets $uri
"$BUILD/bin/nbdkit" -r -e pipe file dir=d --run '! timeout 5 nbdinfo "$uri" 2>err' 2>/dev/null ||
  { echo "FAIL: a pipe was served" >&2; exit 1; }
# shellcheck disable=SC2016
list=$("$BUILD/bin/nbdkit" file dir=d --run 'nbdinfo --list --json "$uri"' | grep -c '"export-name"')
[[ $list -eq 1 ]] || { echo "FAIL: $list exports instead of one" >&2; exit 1; }

head -c 1M /dev/urandom >shrinks
# shellcheck disable=SC2016
"$BUILD/bin/nbdkit" file shrinks --run '
  PATH=/usr/bin:$PATH nbdsh --base-allocation -u "$uri" -c "
import os
os.truncate(\"shrinks\", 65536)
try: h.block_status(1048576, 0, lambda *args: 0)
except nbd.Error as e: assert e.errno == \"EIO\", e
else: assert False, \"what is gone was called a hole\"
"' 2>err || { cat err >&2; exit 1; }
