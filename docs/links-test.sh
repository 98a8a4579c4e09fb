#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What a page points to is there: relative links in Markdown, and in
# manual pages L<nbdkit...>.
set -euo pipefail
cd "$SOURCE"

bad=0
complain() { echo "$1: points to $2, which is not there"; bad=1; }

mapfile -t pages < <(find . -name 'build*' -prune -o -name '*.md' -print -o -name '*.pod' -print)
for page in "${pages[@]}"; do
  case $page in
    *.md)
      while IFS= read -r target; do
        target=${target%%#*}
        [ -z "$target" ] || [ -e "$(dirname "$page")/$target" ] || complain "$page" "$target"
      done < <(grep -oP '\]\(\K(?![a-z]+:)[^)]+' "$page") ;;
    *.pod)
      while IFS= read -r target; do
        [[ " ${pages[*]} " == *"/$target.pod "* ]] || complain "$page" "$target"
      done < <(grep -oP 'L<\Knbdkit[a-z0-9-]*(?=\()' "$page") ;;
  esac
done
echo "${#pages[@]} pages"
exit $bad
