#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The manual page and --help name the same long options: neither promises one
# that the other does not know.
set -euo pipefail

in_help=$("$BUILD/bin/nbdkit" --help | grep -oE -- '--[a-z][a-z0-9-]+' | sort -u)
in_page=$(grep -E '^=item B<--' "$SOURCE/docs/nbdkit.pod" |
          grep -oE -- '--[a-z][a-z0-9-]+' | sort -u)
diff --label 'nbdkit --help' --label docs/nbdkit.pod -U 0 <(echo "$in_help") <(echo "$in_page")
