#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# --exit-with-parent: the server ends, cleanly, when whoever started it is gone,
# by whatever way; it implies -f.
. "${BASH_SOURCE%/*}/lib.sh"

parent() { # parent ARGS...: a process that starts a server and waits
  bash -c '"$@" & echo $! >server; wait' parent "$NBDKIT" --exit-with-parent "$@" &
  parent=$!; started+=("$parent")
}
for signal in TERM KILL; do
  rm -f pid cleaned
  parent -P "$scratch/pid" -U - eval get_size='echo 1M' pread=: unload="touch $scratch/cleaned"
  until_true 20 test -s pid
  started+=("$(cat pid)")
  equal "it does not fork" "$(cat server)" "$(cat pid)"
  kill -"$signal" "$parent"
  until_true 20 gone "$(cat pid)"
  [[ -e cleaned ]] || fail "the plugin was not unloaded after SIG$signal"
done

# The kernel forgets the wish when the user changes.
if [[ $(id -u) -eq 0 ]]; then
  rm -f pid; chmod 777 "$scratch"
  parent -P "$scratch/pid" -U "$scratch/sock" -u nobody null
  until_true 20 test -s pid
  started+=("$(cat pid)")
  kill -KILL "$parent"
  until_true 20 gone "$(cat pid)"
fi
