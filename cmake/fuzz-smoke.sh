#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every fuzz target for a few seconds, where ./dev fuzz has been built: clang is
# needed for that, and minutes.
set -euo pipefail
if ! [ -x "$SOURCE/build-fuzz/fuzz/connection-fuzz" ]; then
  echo "skipped: the fuzzers are not built: ./dev setup fuzz && ./dev fuzz"
  exit 77
fi
"$SOURCE/dev" fuzz 6
