#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# zero has no bytes, and clients can open it, look at it and copy it.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/plugins/test-functions.sh"
needs nbdcopy libnbd-bin

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
serve zero --run "nbdcopy \"\$uri\" $dir/copy"
[ "$(stat -c %s "$dir/copy")" = 0 ]
[ "$(serve zero --run 'nbdinfo --size "$uri"')" = 0 ]

refused "takes no parameters" zero size=1
like_the_original zero
