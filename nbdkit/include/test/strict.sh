#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every header that is installed compiles without a word, alone and included
# twice: those in C from strict C90 to C17 and from C++98 to C++20, in both API
# versions; those of the C++ SDK in C++20. With gcc, and with clang where it is.
# signatures.c and formats.c say what else a source may rely on.
set -euo pipefail
headers=$SOURCE/nbdkit/include here=$SOURCE/nbdkit/include/test
for tool in gcc g++; do
  command -v $tool >/dev/null || { echo "$tool is missing: apt-get install g++"; exit 77; }
done
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

bad=0 count=0
compile() {   # COMPILER OPTION... FILE: no word, and no error
  local words
  count=$((count + 1))
  words=$("$@" -Wall -Wextra -Wundef -Wstrict-aliasing -pedantic-errors -Werror \
               -I "$headers" -fsyntax-only 2>&1) && return
  printf '%s:\n%s\n' "$*" "$words"
  bad=1
}
refused() {   # WORDS COMPILER OPTION...: that error
  local words
  count=$((count + 1))
  if words=$("${@:2}" -I "$headers" -fsyntax-only 2>&1) || ! grep -qF "$1" <<<"$words"; then
    printf '%s: \"%s\" is not in:\n%s\n' "${*:2}" "$1" "$words"
    bad=1
  fi
}

twice() { printf '#include <%s>\n#include <%s>\nextern int nothing_else;\n' "$1" "$1" >"$2"; }

pairs=(gcc:g++)
if command -v clang >/dev/null && command -v clang++ >/dev/null; then
  pairs+=(clang:clang++)
else
  echo "left out: clang (apt-get install clang-19)"
fi
for pair in "${pairs[@]}"; do
  c=${pair%:*} cxx=${pair#*:}
  for path in "$headers"/*.h; do
    header=${path##*/}
    twice "$header" alone.c
    twice "$header" alone.cpp
    for api in '' -DNBDKIT_API_VERSION=1 -DNBDKIT_API_VERSION=2; do
      for std in c90 gnu90 c99 c11 c17; do compile "$c" -std=$std ${api:+"$api"} alone.c; done
      for std in c++98 c++11 c++17 c++20; do
        compile "$cxx" -std=$std ${api:+"$api"} alone.cpp
      done
    done
  done
  for path in "$headers"/nbdkit/*.hpp; do
    twice "nbdkit/${path##*/}" alone.cpp
    compile "$cxx" -std=c++20 alone.cpp
  done
  for std in c90 gnu17; do
    compile "$c" -std=$std -DNBDKIT_API_VERSION=2 -Wformat=2 "$here/formats.c"
    for api in 1 2; do compile "$c" -std=$std -DNBDKIT_API_VERSION=$api "$here/signatures.c"; done
  done
  for std in c++11 c++20; do compile "$cxx" -std=$std -x c++ "$here/signatures.c"; done
  twice nbdkit-plugin.h alone.c
  for api in 0 3 ''; do
    refused 'NBDKIT_API_VERSION must be 1 or 2' "$c" "-DNBDKIT_API_VERSION=$api" alone.c
  done
  refused 'error' "$c" -std=gnu17 -Wall -Werror -DMISTAKE "$here/formats.c"
done

# What signatures.c says of the interface is true of the original's header, too.
original=/usr/include/nbdkit-plugin.h
if [ -e $original ]; then
  mkdir original
  cp /usr/include/nbdkit-*.h original
  for api in 1 2; do
    count=$((count + 1))
    gcc -std=c90 -Wall -Wextra -Werror -DNBDKIT_API_VERSION=$api -isystem original -fsyntax-only \
      "$here/signatures.c" || bad=1
  done
else
  echo "left out: the same with $original (apt-get install nbdkit-plugin-dev)"
fi
echo "$count compilations"
exit $bad
