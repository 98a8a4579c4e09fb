#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# nbdfuse beside the one of libnbd: the same fio job on each mounted file, each over
# a server of its own of the same kind (our nbdkit, memory 1G), by turns.
#
# usage: bench.sh TIME ROUNDS >TABLE.md      in the top folder, after a build.
# TIME is one turn ("0.3s"). BENCH_NBDFUSE="NAME: COMMAND;..." compares others, and
# BENCH_JOBS=REGEX has only the jobs of these names. Needs fio, jq and /dev/fuse.
set -euo pipefail
rounds=$2
time=$(awk -v t="${1%s}" 'BEGIN { printf "%dms", t * 1000 }')
build=${BUILD:-build}
ours=$build/bin/nbdfuse
contenders=${BENCH_NBDFUSE:-"libnbd: /usr/bin/nbdfuse;ours: $ours;
ours, none: $ours --cache=none;ours, writeback: $ours --cache=writeback"}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/nbdfuse-bench-XXXXXX")
pids=()
cleanup() {
  set +e
  for mnt in "$tmp"/*/mnt; do mountpoint -q "$mnt" && fusermount3 -uz "$mnt"; done
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
  rm -rf "$tmp"
}
trap cleanup EXIT

wait_for() { until [[ -s $1 ]]; do kill -0 "$2" || exit 1; sleep 0.05; done; }

names=()
while IFS= read -r line; do
  name=${line%%: *} command=${line#*: }
  [[ -n $command ]] || continue
  dir=$tmp/${#names[@]}
  names+=("$name")
  mkdir -p "$dir/mnt"
  "$build/bin/nbdkit" -f -U "$dir/sock" -P "$dir/server.pid" memory 1G &
  pids+=($!)
  wait_for "$dir/server.pid" $!
  # shellcheck disable=SC2086  # words of a command
  $command -P "$dir/pid" "$dir/mnt" --unix "$dir/sock" &
  pids+=($!)
  wait_for "$dir/pid" $!
  dd if=/dev/urandom of="$dir/mnt/nbd" bs=1M count=1024 conv=notrunc,fsync status=none
done < <(tr ';' '\n' <<<"$contenders")

# NAME|fio arguments|what counts (of fio's JSON)|unit
jobs=(
  "read 128K, in order|--rw=read --bs=128k|bw_bytes/1e6|MB/s"
  "write 128K, in order|--rw=write --bs=128k --end_fsync=1|bw_bytes/1e6|MB/s"
  "read 4K, anywhere, depth 16|--rw=randread --bs=4k --iodepth=16|iops|/s"
  "write 4K, anywhere, depth 16|--rw=randwrite --bs=4k --iodepth=16 --end_fsync=1|iops|/s"
  "direct read 4K, anywhere, depth 32 x 4|--rw=randread --bs=4k --iodepth=32 --numjobs=4 --direct=1|iops|/s"
  "direct write 4K, anywhere, depth 16|--rw=randwrite --bs=4k --iodepth=16 --direct=1|iops|/s"
  "direct read 4K, anywhere, depth 1|--rw=randread --bs=4k --direct=1|iops|/s"
  "direct read 128K, in order, depth 8|--rw=read --bs=128k --iodepth=8 --direct=1|bw_bytes/1e6|MB/s"
)
[[ -z ${BENCH_JOBS-} ]] || mapfile -t jobs < <(printf '%s\n' "${jobs[@]}" | grep -E "$BENCH_JOBS")

measure() {  # CONTENDER JOB
  local arguments what
  IFS='|' read -r _ arguments what _ <<<"${jobs[$2]}"
  # shellcheck disable=SC2086
  fio --name=bench --filename="$tmp/$1/mnt/nbd" --size=1G --ioengine=libaio --time_based \
    --runtime="$time" --invalidate=1 --lat_percentiles=1 --group_reporting --output-format=json $arguments |
    jq -r ".jobs[0] | (.read, .write) | select(.io_bytes > 0) |
           [.$what, .lat_ns.percentile[\"50.000000\"] / 1000] | @tsv" >>"$tmp/$1/job$2"
}
for ((round = 0; round < rounds; round++)); do
  for job in "${!jobs[@]}"; do
    for contender in "${!names[@]}"; do measure "$contender" "$job"; done
  done
done

# CONTENDER JOB: median, least and greatest of the figure, and the median of the rounds'
# median times.
figure() {
  sort -g "$tmp/$1/job$2" | awk '{ v[NR] = $1 } END { printf "%s %s %s ", v[int((NR + 1) / 2)], v[1], v[NR] }'
  cut -f 2 "$tmp/$1/job$2" | sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
printf '|'; printf ' %s |' job "${names[@]}"; echo
printf '|%s\n' "$(printf ' --- |%.0s' job "${names[@]}")"
for job in "${!jobs[@]}"; do
  IFS='|' read -r name _ _ unit <<<"${jobs[$job]}"
  printf '| %s |' "$name"
  first=
  for contender in "${!names[@]}"; do
    read -r median least greatest half <<<"$(figure "$contender" "$job")"
    first=${first:-$median}
    awk -v m="$median" -v l="$least" -v g="$greatest" -v f="$first" -v u="$unit" -v h="$half" \
      'BEGIN { printf " %.0f %s (%.2f)<br>%.0f-%.0f, half in %.0f µs |", m, u, m / f, l, g, h }'
  done
  echo
done
