#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# example-c is C90 and works whichever header it was compiled against, ours or
# the original's, and whichever server loads it.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
needs cc gcc
needs qemu-io qemu-utils
original=/usr/include/nbdkit-plugin.h
[ -e $original ] || { echo "$original is missing: apt-get install nbdkit-plugin-dev"; exit 77; }
[ -x /usr/bin/nbdkit ] || { echo "nbdkit is missing: apt-get install nbdkit"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

compile() {   # NAME OPTION...
  cc -std=c90 -D_POSIX_C_SOURCE=200809L -Wall -Wextra -Wno-missing-field-initializers -Werror \
    -fPIC -shared "${@:2}" "$SOURCE/plugins/example-c/example-c.c" -o "$dir/$1.so"
}
compile ours -pedantic -I "$SOURCE/nbdkit/include"
mkdir "$dir/include"
cp /usr/include/nbdkit-*.h "$dir/include"
compile original -isystem "$dir/include"

for server in "$BUILD/bin/nbdkit" /usr/bin/nbdkit; do
  for plugin in ours original; do
    "$server" -U - "$dir/$plugin.so" size=2M --run 'qemu-io -f raw -c "read -P 0 0 2M" \
      -c "write -P 5 12345 1M" -c "read -P 5 12345 1M" -c "read -P 0 0 12345" "$uri"' >/dev/null ||
      fail "compiled against $plugin, loaded by $server"
    ! "$server" -U - "$dir/$plugin.so" size=x --run true 2>/dev/null || fail "size=x is taken"
    echo "compiled against $plugin, loaded by $server: works"
  done
done
