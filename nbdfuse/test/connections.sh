#!/usr/bin/env bash
# With -C 4 and a server that allows it, all four connections carry requests;
# with -C 1, one.
. "${0%/*}/lib.sh"

used() {
  start_nbdfuse -v -C "$1" "$dir" --unix "$sock"
  local readers=()
  for i in {0..15}; do
    dd if="$dir/nbd" of=/dev/null bs=4096 count=1 skip="$i" iflag=direct status=none &
    readers+=($!)
  done
  for pid in "${readers[@]}"; do wait "$pid" || fail "a read failed"; done
  unmount_and_expect 0
  connections=$(grep -o 'connection [0-9a-fx]*: read' "$tmp/nbdfuse.log" | sort -u | wc -l)
}

start_server -t 64 --filter=delay memory 1M rdelay=1
used 4
((connections == 4)) || fail "$connections of 4 connections were used"
used 1
((connections == 1)) || fail "-C 1 used $connections connections"
