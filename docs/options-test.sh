#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The manual page documents every long option that --help shows, and the server
# takes every long option that the manual page documents (--help shows only one
# name of each).
set -euo pipefail
nbdkit=$BUILD/bin/nbdkit page=$SOURCE/docs/nbdkit.pod

bad=0
while IFS= read -r option; do
  grep -qE "^=item B<$option( ->)?>" "$page" ||
    { echo "--help shows $option, which docs/nbdkit.pod does not document"; bad=1; }
done < <("$nbdkit" --help | grep -oE '^ +(-., )?--[a-z-]+' | grep -oE -- '--[a-z-]+$')

count=0
while read -r option argument; do
  # Each has an argument that is right for all that take one.
  "$nbdkit" "$option${argument:+=1}" --version >/dev/null ||
    { echo "docs/nbdkit.pod documents $option, which the server does not take"; bad=1; }
  count=$((count + 1))
done < <(sed -nE 's/^=item B<(--[a-z-]+)> ?(.*)$/\1 \2/p' "$page")
echo "$count long options in docs/nbdkit.pod"
[ "$count" -gt 0 ] && exit $bad
