#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What the C headers declare, the server exports, and the other way round. (What
# the original exports for filters in C alone is in neither: filters are C++ here.)
set -euo pipefail
command -v cc >/dev/null || { echo "cc is missing: apt-get install g++"; exit 77; }
command -v nm >/dev/null || { echo "nm is missing: apt-get install binutils"; exit 77; }

declared=$(printf '#include <nbdkit-plugin.h>\n#include <nbdkit-plugin-extras.h>\n' |
  cc -E -P -D'__attribute__(x)=' -I "$SOURCE/nbdkit/include" - | tr '\n' ' ' | tr ';' '\n' |
  sed -nE 's/.*\bextern\b[^(]*\b(nbdkit_[a-z0-9_]+) *\(.*/\1/p' | sort -u)
exported=$(nm -D --defined-only "$BUILD/bin/nbdkit" | awk '$2 == "T" && $3 ~ /^nbdkit_/ {print $3}' | sort -u)

bad=0
while read -r name; do
  [ -z "$name" ] || { echo "$name is declared in a header, and the server does not export it"; bad=1; }
done < <(comm -23 <(echo "$declared") <(echo "$exported"))
while read -r name; do
  [ -z "$name" ] || { echo "the server exports $name, which no header declares"; bad=1; }
done < <(comm -13 <(echo "$declared") <(echo "$exported"))
echo "$(wc -l <<<"$declared") functions declared, $(wc -l <<<"$exported") exported"
grep -qx nbdkit_parse_size <<<"$declared" || { echo "the headers were not understood"; bad=1; }
exit $bad
