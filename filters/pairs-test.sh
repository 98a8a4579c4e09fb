#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What filters must keep, with every two of them on top of each other: see pairs.py.
# SEED=N repeats a run; PAIR=upper/lower/disk runs one of its stacks.
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs qemu-img qemu-utils
exec python3 "$SOURCE/filters/pairs.py" "$BUILD/bin/nbdkit" "$dir"
