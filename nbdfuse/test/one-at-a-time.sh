#!/usr/bin/env bash
# With -s the server never has two requests at a time: four reads of half a second each
# take two seconds, and what is read is right. Without it they take half of one.
. "${0%/*}/lib.sh"


seconds() {  # OPTIONS: how long four reads take that are asked for at a time
  start_nbdfuse "$@" --cache=none "$dir" --unix "$sock"
  local begin=$EPOCHREALTIME readers=()
  for i in {0..3}; do
    dd if="$dir/nbd" bs=4096 count=1 skip="$i" status=none | cmp -n 4096 - /dev/zero &
    readers+=($!)
  done
  for pid in "${readers[@]}"; do wait "$pid" || fail "a read failed"; done
  took=$(((${EPOCHREALTIME/[.,]/} - ${begin/[.,]/}) / 1000))
  unmount_and_expect 0
}

start_server -t 64 --filter=delay memory 1M rdelay=500ms
seconds -s
((took >= 2000)) || fail "four reads of 500 ms took $took ms with -s"
seconds
((took < 2000)) || fail "four reads of 500 ms took $took ms without -s"
