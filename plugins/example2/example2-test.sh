#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# example2 serves a file as it is, and nobody can write to it.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
needs nbdcopy libnbd-bin
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

head -c 1234567 /dev/urandom >file
serve example2 file --run 'nbdcopy "$uri" copy'
cmp file copy
serve example2 file=file --run 'nbdinfo "$uri"' | grep -q 'is_read_only: true'
against_the_original 'nbdcopy "$uri" - | sha256sum' example2 file="$dir/file"

refused 'you must give a file' example2
refused 'cannot open /nonexistent: No such file or directory' example2 /nonexistent
refused "unknown parameter 'colour'" example2 file colour=red
