#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The manual page documents every name of every option that the server lists, with
# its letter, and the server takes every long option that the page documents.
set -euo pipefail
nbdkit=$BUILD/bin/nbdkit page=$SOURCE/docs/nbdkit.pod

bad=0
while IFS= read -r option; do
  grep -qE "^=item B<$option( ->|=[a-z]*>|>)" "$page" ||
    { echo "the server lists $option, which docs/nbdkit.pod does not document"; bad=1; }
done < <("$nbdkit" --long-options; "$nbdkit" --short-options)

count=0
while read -r option argument; do
  # Each has an argument that is right for all that take one.
  "$nbdkit" "$option${argument:+=1}" --version >/dev/null ||
    { echo "docs/nbdkit.pod documents $option, which the server does not take"; bad=1; }
  count=$((count + 1))
done < <(sed -nE 's/^=item B<(--[a-z0-9-]+(=[a-z]+)?)> ?(.*)$/\1 \3/p' "$page")
echo "$count long options in docs/nbdkit.pod"
[ "$count" -gt 40 ] && exit $bad
