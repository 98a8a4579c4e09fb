#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Clients are told what the list says, as by the original, and read what the plugin has. (How
# lists are read: list-test.cpp.)
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdinfo libnbd-bin
needs qemu-io qemu-utils
for list in '0 1M' '1M 8M hole,zero
0 1M' '5M 1M zero
0 4K 1
9M 3M' '0 20M'; do
  echo "$list" >list
  against_the_original 'nbdinfo --map "$uri"' -r --filter=extentlist memory 10M extentlist=list
done
# Through a layer above and over a plugin that has no extents; what is called a hole has its data.
echo '64k 64k' >list
expect '0 65536 3
65536 65536 0
131072 131072 3' "$(serve --filter=nofilter --filter=extentlist --filter=noextents pattern 256k extentlist=list \
  --run 'nbdinfo --map "$uri" && qemu-io -r -f raw -c "read 0 256k" "$uri" >/dev/null' | awk '{print $1, $2, $3}')"
serve --filter=extentlist data '1*1048576' extentlist=list --run 'qemu-io -r -f raw -c "read -P 1 0 1M" "$uri"' >out
if grep -q 'Pattern verification failed' out; then fail 'a read was answered from the list'; fi
refused 'extentlist: give the list' --filter=extentlist memory 1M
refused 'No such file' --filter=extentlist memory 1M extentlist=none
echo '0 1M all' >list
refused 'list: line 1: type: expected a number, or the words hole and zero, got "all"' --filter=extentlist memory 1M extentlist=list
