#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The pages for programmers are whole: nbdkit-plugin(3) has every callback,
# constant and function of the C headers, with the types that they have there,
# and nothing that they have not; nbdkit-filter(3) has every member that
# filter.hpp looks for.
set -euo pipefail
command -v cc >/dev/null || { echo "cc is missing: apt-get install g++"; exit 77; }
include=$SOURCE/nbdkit/include
bad=0
complain() { echo "$*"; bad=1; }

# One statement a line, blanks as in "int f (const char *s)".
statements() {
  tr '\n' ' ' | sed -E 's/ +/ /g; s/ ?([(),;*]) ?/\1/g; s/([^ (*])\*/\1 */g; s/,/, /g; s/([a-z0-9_])\(/\1 (/g' |
    tr ';' '\n'
}
headers=$(printf '#define NBDKIT_API_VERSION 2\n#include <nbdkit-plugin.h>\n#include <nbdkit-plugin-extras.h>\n' |
  cc -E -P -D'__attribute__(x)=' -I "$include" -)
documented=$(sed -nE 's/^=item (X<[a-z_]+>)?C<([^>]*)>.*/\2;/p' "$SOURCE/docs/nbdkit-plugin.pod" | statements)

# ---- functions
functions=$(statements <<<"$headers" | sed -nE 's/^.*\bextern ([^{}]*\bnbdkit_[a-z0-9_]+ \(.*\))$/\1/p' | sort -u)
count=0
while read -r function; do
  count=$((count + 1))
  grep -qxF "$function" <<<"$documented" ||
    complain "nbdkit-plugin(3) does not have: $function"
done <<<"$functions"
while read -r name; do
  grep -qE "\b$name \(" <<<"$functions" || complain "nbdkit-plugin(3) has $name, which no header declares"
done < <(grep -oE '^[^.]*\bnbdkit_[a-z0-9_]+ \(' <<<"$documented" | grep -oE 'nbdkit_[a-z0-9_]+ \($' | tr -d ' (' | sort -u)

# ---- fields of the struct
fields=$(sed -nE '/^struct nbdkit_plugin \{/,/^\};/p' <<<"$headers" | sed '1d;$d' | statements |
  sed -nE 's/^ ?(.*[ *])\(\*([a-z0-9_]+)\)\((.*)\)$/\1.\2 (\3)/p; s/^ ?(const char \*|int )([a-z0-9_]+)$/\1.\2/p' |
  grep -v '\._')
while read -r field; do
  count=$((count + 1))
  grep -qxF "$field" <<<"$documented" ||
    complain "nbdkit-plugin(3) does not have: $field"
done <<<"$fields"

# ---- constants, and what stands in the extras
names=$(grep -hoE '^#define (NBDKIT_[A-Z_]*[A-Z])\b' "$include"/nbdkit-{plugin,version}.h | awk '{print $2}' |
  grep -vE '_H$|NBDKIT_(PRINTF|PUBLIC|CXX_LANG_C)' | sort -u)
for name in $names; do
  count=$((count + 1))
  grep -q "$name" "$SOURCE/docs/nbdkit-plugin.pod" || complain "nbdkit-plugin(3) does not have: $name"
done

# ---- members of a filter
members=$(grep -oE '&(F|S|Subject)::[a-z_]+' "$include/nbdkit/filter.hpp" | sed 's/.*:://'
          grep -oE 'text_[a-z]+<F>' "$include/nbdkit/filter.hpp" | sed -E 's/text_(.*)<F>/\1/')
while read -r member; do
  count=$((count + 1))
  grep -qE "^=item .*\b$member\b" "$SOURCE/docs/nbdkit-filter.pod" ||
    complain "nbdkit-filter(3) does not have: $member"
done < <(sort -u <<<"$members")
echo "$count names"
[ $count -gt 120 ] || complain "the headers were not understood"
exit $bad
