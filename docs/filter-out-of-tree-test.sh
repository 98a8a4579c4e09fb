#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The filter that CONTRIBUTING.md shows compiles against what is installed, found by pkg-config
# after the prefix has moved, with each compiler that is here; it is found by name where
# pkg-config says that filters belong, and does what the page says.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
for tool in pkg-config:pkg-config qemu-io:qemu-utils g++:g++; do
  command -v "${tool%%:*}" >/dev/null || { echo "${tool%%:*} is missing: apt-get install ${tool##*:}"; exit 77; }
done
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cmake --install "$BUILD" --prefix "$scratch/first" >/dev/null
mv "$scratch/first" "$scratch/moved"
mkdir "$scratch/elsewhere"
cd "$scratch/elsewhere"
pc=$(find "$scratch/moved" -name nbdkit.pc)
export PKG_CONFIG_PATH=${pc%/*} PATH="$scratch/moved/bin:$PATH"

awk '/^<!-- file badsector.cpp -->$/ { found = 1; next }
     found && /^```$/ { exit }
     found && !/^```/' "$SOURCE/CONTRIBUTING.md" >badsector.cpp
lines=$(grep -c . badsector.cpp)
echo "badsector.cpp: $lines lines"
if [ "$lines" -lt 15 ] || [ "$lines" -gt 30 ]; then echo "it should be thirty lines at most"; exit 1; fi

read -ra cflags <<<"$(pkg-config --cflags nbdkit)"
case "${cflags[*]}" in *"$SOURCE"*) echo "pkg-config points into the source tree"; exit 1 ;; esac
filters=$(pkg-config --variable=filterdir nbdkit)
[ "$(realpath -e "$filters")" = "$(realpath -e "$scratch/moved/lib/nbdkit/filters")" ]
for compiler in g++ clang++ clang++-19; do
  command -v $compiler >/dev/null || continue
  $compiler -std=c++20 -Wall -Wextra -Werror -shared -fPIC "${cflags[@]}" badsector.cpp -o badsector.so
  [ -z "${SANITIZED-}" ] || { echo "$compiler: compiled; the server is instrumented, the filter is not"; continue; }
  cp badsector.so "$filters/nbdkit-badsector-filter.so"
  nbdkit --help --filter=badsector memory | grep -q 'sector=<N>'
  for filter in ./badsector.so badsector; do
    nbdkit -U - --filter=$filter memory 1M sector=8 --run '
      qemu-io -r -f raw -c "read 3584 512" "$uri" &&
      ! qemu-io -r -f raw -c "read 4096 512" "$uri" && qemu-io -r -f raw -c "read 4608 512" "$uri"' >out 2>&1 ||
      { cat out; exit 1; }
  done
  echo "$compiler: compiled, loaded, and reads as it should"
done
