#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A script from stdin, read before the server goes into the background; its
# folder is removed at the end.
. "${0%/*}/lib.sh"
need nbdinfo

export TMPDIR=$tmp
"$nbdkit" -U "$tmp/sock" -P "$tmp/pid" sh - <<'EOF'
  case "$1" in
    get_size) echo 1M ;;
    pread) dd if=/dev/zero count=$3 iflag=count_bytes ;;
    *) exit 2 ;;
  esac
EOF
server_pid=$(cat "$tmp/pid")
[ "$(nbdinfo --size "$uri")" = 1048576 ] || fail "wrong size"
ls -d "$tmp"/nbdkitsh* >/dev/null || fail "no folder"
kill "$server_pid"
for _ in {1..100}; do kill -0 "$server_pid" 2>/dev/null || break; sleep 0.1; done
! ls -d "$tmp"/nbdkitsh* 2>/dev/null || fail "the folder is still there"
server_pid=
