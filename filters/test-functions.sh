# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2016
# For the tests of filters: sourced, not run. BUILD and SOURCE are in the environment.
. "$SOURCE/plugins/test-functions.sh"
PATH=/usr/bin:$PATH  # Debian's python3, which has the module nbd
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1

# python_client CODE ARG...: CODE with a connected h behind our server; what it
# prints. fails(f) is the name of the errno that f() gets, or "ok".
client='
h.set_strict_mode(0)
def fails(f):
  try: f()
  except nbd.Error as e: return e.errno
  return "ok"
'
python_client() {
  local code=$1
  shift
  CODE="$client$code" serve "$@" --run 'nbdsh -u "$uri" -c "$CODE"'
}

# requests FILE: what the log filter saw, "Read offset=0x0 count=0x200", a line each.
requests() { sed -nE 's/.* (Read|Write|Flush|Trim|Zero|Cache|Extents) id=[0-9]+ ?(.*)\.\.\.$/\1 \2/p' "$1" | sed 's/ *$//'; }

expect() { [ "$1" = "$2" ] || fail "expected: $1
got: $2"; }

# abilities_like_the_original FILTER ARG...: what nbdinfo says is the same with
# Debian's filter of that name, if there is one.
abilities_like_the_original() {
  local module=/usr/lib/x86_64-linux-gnu/nbdkit/filters/nbdkit-$1-filter.so look filter=$1
  shift
  if [ ! -e "$module" ]; then
    echo "left out: comparing with the original's $filter filter (apt-get install nbdkit)"
    return
  fi
  look='nbdinfo "$uri" | grep -E "export-size|can_|is_|block_size" || echo refused'
  diff <(/usr/bin/nbdkit -U - "--filter=$filter" "$@" --run "$look" 2>/dev/null) \
       <(serve "--filter=$filter" "$@" --run "$look" 2>/dev/null) ||
    fail "--filter=$filter $* is not like the original"
}
