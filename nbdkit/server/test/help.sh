#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --help and --version, alone and with modules.
. "${BASH_SOURCE%/*}/lib.sh"

"$NBDKIT" --help >out
grep -q -- '--filter=FILTER' out || fail "no options in the help"
"$NBDKIT" --filter=error memory --help >out
grep -q '^filter: error (' out || fail "no filter in the help"
grep -q '^plugin: memory (' out || fail "no plugin in the help"
grep -q 'error-rate=<PROBABILITY>' out || fail "no parameters of the filter"
cmp out <("$NBDKIT" --help --filter=error memory) || fail "the order of the words matters"
"$NBDKIT" --version | grep -qE '^nbdkit 1\.[0-9]+\.[0-9]+ \(nbdkit-house [0-9.]+\)$' || fail "version"
"$NBDKIT" --version --filter=delay memory >out
equal "modules" "delay memory" "$(tail -n +2 out | awk '{print $1}' | tr '\n' ' ' | sed 's/ $//')"
