#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every manual page of the tree is sound POD: podchecker has nothing to say
# about it, pedantic warnings included, and the name at its top is its file's.
set -euo pipefail
command -v podchecker >/dev/null || { echo "podchecker is missing: apt-get install perl"; exit 77; }

bad=0
mapfile -t pages < <(find "$SOURCE" -name 'build*' -prune -o -name '*.pod' -print | sort)
[ ${#pages[@]} -gt 0 ] || { echo "no .pod file under $SOURCE"; exit 1; }
for page in "${pages[@]}"; do
  name=$(basename "$page" .pod)
  # Warnings alone do not change podchecker's exit status.
  if ! words=$(podchecker -warnings -warnings "$page" 2>&1) || grep -q WARNING <<<"$words"; then
    echo "$words"
    bad=1
  fi
  awk '/^=head1 NAME$/ { getline; getline; print; exit }' "$page" | grep -q "^$name - " ||
    { echo "$page: NAME does not start with \"$name - \""; bad=1; }
done
echo "${#pages[@]} manual pages"
exit $bad
