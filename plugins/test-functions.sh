# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# For the tests of plugins: sourced, not run. BUILD is in the environment.

# needs TOOL PACKAGE: skips the test where the tool is missing.
needs() {
  command -v "$1" >/dev/null || { echo "$1 is missing: apt-get install $2"; exit 77; }
}

fail() { echo "$*" >&2; exit 1; }

# serve ARG...: our server, captive, on a Unix socket of its own.
serve() { "$BUILD/bin/nbdkit" -U - "$@"; }

# refused WORDS ARG...: the server does not start and says why.
refused() {
  local words=$1 said status=0
  shift
  said=$(serve "$@" --run 'exit 0' 2>&1) || status=$?
  [ "$status" -eq 1 ] || fail "nbdkit $*: exit status $status instead of 1"
  grep -qF -e "$words" <<<"$said" || fail "nbdkit $*: \"$words\" is not in: $said"
}

# request_fails REQUEST WORDS ARG...: qemu-io's request gets that error.
request_fails() {
  local request=$1 words=$2 said
  shift 2
  said=$(serve "$@" --run "qemu-io -f raw -c '$request' \"\$uri\"" 2>&1) || true
  grep -qF -e "$words" <<<"$said" || fail "$request: \"$words\" is not in: $said"
}

# against_the_original COMMAND ARG...: COMMAND, run with $uri, prints the same
# behind Debian's nbdkit as behind ours, if that is installed.
against_the_original() {
  local original=/usr/bin/nbdkit look=$1
  shift
  if ! "$original" "$1" --version >/dev/null 2>&1; then
    echo "left out: comparing with the original's $1 (apt-get install nbdkit)"
    return
  fi
  diff <("$original" -U - "$@" --run "$look") <(serve "$@" --run "$look") ||
    fail "nbdkit $* is not like the original"
}

# like_the_original ARG...: size, abilities, extents and bytes are the same.
like_the_original() {
  # shellcheck disable=SC2016  # expanded by the command of --run
  against_the_original \
    'nbdinfo "$uri" | grep -v uri:; nbdinfo --map "$uri"; nbdcopy "$uri" - | sha256sum' "$@"
}
