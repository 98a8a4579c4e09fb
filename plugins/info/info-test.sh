#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# info tells each client what its mode says, over Unix sockets and TCP.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
export PATH=/usr/bin:$PATH  # where the Python that has libnbd is
needs nbdcopy libnbd-bin
needs nbdsh python3-libnbd

# read_as EXPORT ARG...: the disk that a client of that export sees.
read_as() {
  local export=$1
  shift
  serve info "$@" --run 'nbdcopy "nbd+unix:///'"$export"'?socket=$unixsocket" -'
}
same() { [ "$1" = "$2" ] || fail "expected \"$1\", got \"$2\""; }

same 'hällo w' "$(read_as 'h%C3%A4llo%20w')"
same '' "$(read_as '')"
same 'any bytes' "$(read_as 'YW55%0AIGJ5dGVz' mode=base64exportname)"
same 'a' "$(read_as 'YQ==' base64exportname)$(read_as '' base64exportname)"
for name in YQ=a YQ; do
  said=$(read_as "$name" base64exportname 2>&1) || true
  grep -q 'is not base64' <<<"$said" || fail "$name is taken: $said"
done
same unix "$(read_as x address)"
same "nbdkit $(read_as x version)" "$("$BUILD/bin/nbdkit" --version | sed "s, (.*,,")"

# Seconds and microseconds, of the kind that the mode says.
clock='nbdsh -u "$uri" -c "import struct" -c "s, us = struct.unpack(\">QI\", h.pread(12, 0))" \
  -c "assert us < 1000000" -c "print(s)"'
now=$(date +%s)
told=$(serve info time --run "$clock")
((told >= now && told <= now + 60)) || fail "time is $told, not $now"
[ "$(serve info uptime --run "sleep 1.1; $clock")" -ge 1 ] || fail "uptime stands still"
same 0 "$(serve info conntime --run "sleep 1.1; $clock")"

# Over TCP, on whatever port is free.
for _ in 1 2 3 4 5; do
  told=$("$BUILD/bin/nbdkit" -i 127.0.0.1 -p $((20000 + RANDOM % 10000)) info address \
    --run 'nbdcopy "$uri" -') && break
done
[[ $told =~ ^127\.0\.0\.1:[0-9]+$ ]] || fail "address is $told"

for mode in exportname address time conntime; do
  against_the_original 'nbdinfo "$uri" | grep -v -e uri: -e content:' info $mode
done
refused "unknown mode: 'weather'" info weather
