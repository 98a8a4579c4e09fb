#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The flag is what the parameter says, and true without one.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
flag() { serve "$@" --run 'nbdinfo "$uri"' | sed -n 's/.*is_rotational: //p'; }
expect false "$(flag memory 1M)"
expect true "$(flag --filter=rotational memory 1M)"
expect false "$(flag --filter=rotational memory 1M rotational=off)"
expect false "$(flag --filter=rotational --filter=rotational memory 1M rotational=off)"
refused 'got "maybe"' --filter=rotational memory 1M rotational=maybe
