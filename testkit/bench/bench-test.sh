#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2016  # $unixsocket is for testkit
#
# testkit bench measures real servers, and says what is wrong with bad input. What
# it counts is looked at, never how long anything took.
set -u
testkit=$BUILD/bin/testkit
if [ ! -x "$BUILD/bin/nbdkit" ]; then echo "skipped: nbdkit is not built"; exit 77; fi
type -P jq >/dev/null || { echo "skipped: jq is missing"; exit 77; }
work=$(mktemp -d)
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() { echo "FAIL: $1"; cat out; failures=$((failures + 1)); }

# check WHAT STATUS TEXT OPTION...: of testkit bench.
check() {
  local what=$1 status=$2 text=$3
  shift 3
  "$testkit" bench "$@" >out 2>&1
  local got=$?
  if [ $got != "$status" ] || ! grep -qF -- "$text" out; then
    fail "$what: expected status $status and \"$text\", got $got and:"
  fi
}

ours="@ours $BUILD/bin/nbdkit -f -U \$unixsocket" tcp="@tcp $BUILD/bin/nbdkit -f -i 127.0.0.1 -p \$port"
check "all kinds of workloads" 0 "idle:connections=5" --time 100ms --rounds 2 --verify \
  --server "$ours memory 4M" --server :loop --server "$tcp memory 4M" \
  -w randread:depth=16 -w rw:bs=64K,depth=8,connections=3 -w write:range=1M \
  -w randread:bs=3000,replies=structured,depth=4 -w blockstatus:depth=2 -w connect:connections=2 \
  -w idle:connections=5 --json r.json --html r.html --markdown r.md
jq -e '.workloads | length == 7 and all(.results | length == 3 and
       all(.iops.min > 0 and (.iops.rounds | length) == 2 and .p50_us.median > 0 and
           .p999_us.median >= .p50_us.median and .cpu_us.median > 0 and .peak_mb.median > 0))' \
  r.json >out 2>&1 || { cat r.json; fail "the figures in the JSON report"; }
jq -e '.workloads[6].results | all(.kb_per_connection)' r.json >out 2>&1 || fail "memory per connection"
if type -P xmllint >/dev/null; then xmllint --noout r.html >out 2>&1 || fail "the page is not well-formed"; fi
grep -q '^| ours | ' r.md || fail "the markdown report"

# A server that runs.
"$BUILD/bin/nbdkit" -f -U "$work/sock" --pid "$work/pid" memory 1M &
server=$!
until [ -s pid ]; do sleep 0.05; done
check "a URI" 0 "running" --uri "@running nbd+unix:///?socket=$work/sock" -w randread --time 100ms --rounds 1
kill $server; wait $server

check "nothing to measure" 1 "give --server or --uri" -w read
check "no workload" 2 "--workload is required" --server :loop
check "an unknown workload" 1 'unknown kind "reed"' --server :loop -w reed
check "a command without an address" 1 'neither $unixsocket nor $port' --server "nbdkit null" -w read
check "a program that is not there" 1 "ended before it listened" --server 'no-such-server $unixsocket' -w read
check "nobody listens" 1 "connect to $work/none" --uri "nbd+unix:///?socket=$work/none" -w read
check "a time of nothing" 1 "must not be 0" --server :loop -w read --time 0
check "too small a disk" 1 "too small" --server "$ours memory 1K" -w read
check "a read-only disk" 1 "read-only" --server "$ours -r memory 1M" -w write
check "a server that errs" 1 "with EIO" --server "$ours --filter=error memory 1M error-pread-nth=5" \
  -w randread --time 100ms
check "wrong data" 1 "wrong data" --server "$ours null 1M" -w randread --verify --time 100ms

if [ -n "$(ls -A "$TMPDIR")" ]; then fail "left over: $(ls "$TMPDIR")"; fi
exit $((failures > 0))
