#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Installed under any prefix, and after that prefix has been moved, the server
# finds its modules; foreign modules load by their path.
. "${BASH_SOURCE%/*}/lib.sh"
need nbdinfo libnbd-bin

cmake --install "$BUILD" --prefix "$scratch/one" >/dev/null
mv one two
# shellcheck disable=SC2016
equal size 1048576 "$(two/bin/nbdkit --filter=error memory 1M --run 'nbdinfo --size "$uri"')"
# shellcheck disable=SC2016
equal size 1048576 "$(two/bin/nbdkit "$scratch/two/lib/nbdkit/plugins/nbdkit-memory-plugin.so" 1M \
                       --run 'nbdinfo --size "$uri"')"
# shellcheck disable=SC2016
equal "size of a script" 1048576 "$(two/bin/nbdkit example4 1M --run 'nbdinfo --size "$uri"')"
for program in nbdkit nbdfuse testkit; do two/bin/$program --version >/dev/null; done
[[ -s two/share/bash-completion/completions/nbdkit ]] || fail "no completion for bash"
