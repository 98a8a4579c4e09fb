#!/usr/bin/env bash
# Servers that nbdfuse starts: by socket activation and on stdin and stdout. They
# end with it.
. "${0%/*}/lib.sh"

check() {
  start_nbdfuse "$dir/ram" "$@"
  echo hello | dd of="$dir/ram" conv=notrunc status=none
  [[ $(head -n 1 "$dir/ram") == hello ]] || fail "$*: not what was written"
  unmount_and_expect 0
}

check [ "$nbdkit" -f memory 1M ]
check --socket-activation "$nbdkit" -f memory 1M
check --command "$nbdkit" -s memory 1M
