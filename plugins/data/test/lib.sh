# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# For the scripts here: a folder of one's own and the programs.
set -euo pipefail

nbdkit=${NBDKIT:-$BUILD/bin/nbdkit}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/nbdkit-data-XXXXXX")
trap 'rm -rf "$tmp"' EXIT

skip() { echo "skip: $*"; exit 77; }
fail() { echo "FAIL: $*" >&2; exit 1; }
need() {
  for tool; do command -v "$tool" >/dev/null || skip "$tool is missing"; done
}
# disk PARAMETER...: the bytes of the data plugin's disk, in hexadecimal.
# shellcheck disable=SC2016 # the command's variables
disk() { "$nbdkit" -U - data "$@" --run 'nbdcopy "$uri" - | od -An -v -tx1' | tr -d ' \n'; }
