#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# fuzz-replay.sh TARGET SEEDS: every seed once through the target, which must live.
set -euo pipefail
target=$1 seeds=$2
if [ -f "$seeds" ]; then
  command -v python3 >/dev/null || { echo "skipped: python3 is missing (Debian package python3)"; exit 77; }
  folder=$(mktemp -d /tmp/fuzz-seeds.XXXXXX)
  trap 'rm -rf "$folder"' EXIT
  "$seeds" "$folder"
  seeds=$folder
fi
mapfile -t files < <(find "$seeds" -type f ! -name CMakeLists.txt | sort)
((${#files[@]} > 0)) || { echo "FAIL: there are no seeds in $seeds"; exit 1; }
"$target" "${files[@]}"
echo "${#files[@]} seeds"
