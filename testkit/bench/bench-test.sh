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

check "awake" 0 "client=awake" --time 100ms --rounds 1 -w randrw:client=awake -w randread:client=awake,connections=2 \
  --server "@ours $BUILD/bin/nbdkit -f -U \$unixsocket memory 1M" --verify

# Where they run, as the server sees it, and what runs before.
check "together" 0 "pin=together" --time 100ms --rounds 1 -w randread:pin=together --before 'echo x >>before' \
  --server "@ours sh -c 'cat /proc/self/status >status; exec $BUILD/bin/nbdkit -f -U \$unixsocket memory 1M'" \
  --json r.json
processors() { sed -n 's/^Cpus_allowed_list:\t//p' "$1"; }
[ "$(processors status)" = "$(processors /proc/self/status | sed 's/[-,].*//')" ] ||
  fail "the server is not on the first processor: $(cat status)"
[ "$(cat before)" = x ] || fail "--before did not run once"
check "a command that fails before" 1 "--before: false: exit status 1" --server :loop -w read --before false
check "starts" 0 "start" --time 100ms --rounds 2 --server "$ours null 1M" -w start --json r.json
jq -e '.workloads[0].results[0] | .p50_us.min > 100 and .cpu_us.min > 100' r.json >out 2>&1 || fail "figures of starts"
check "a start that fails" 1 "ended before it listened" --server "$ours no-such-plugin" -w start
check "a start over TCP" 1 'needs $unixsocket' --server "$tcp null 1M" -w start
check "a start of what runs" 1 "needs a --server" --uri "nbd+unix:///?socket=$work/none" -w start

if "$BUILD/bin/nbdkit" --dump-config | grep -qx tls=yes; then
  key=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
  (umask 077; echo "bench:$key" >psk; echo "bench:${key/[0-9]/f}a1" >other; echo nonsense >nonsense)
  tls="$ours --tls=require --tls-psk=$work/psk"
  check "TLS" 0 "randread" --time 100ms --rounds 1 --verify --server "$tls memory 4M" --tls-psk psk \
    -w randread -w randread:depth=64,connections=2 -w rw:bs=256K,depth=16 -w randread:bs=3000,depth=4 \
    -w blockstatus -w connect -w idle:connections=3
  check "another key" 1 "TLS" --server "$tls memory 4M" --tls-psk other -w read
  check "no TLS to be had" 1 "refuses NBD_OPT_STARTTLS" --server "$ours memory 4M" --tls-psk psk -w read
  check "no key" 1 "cannot read" --server :loop --tls-psk none -w read
  check "a file without a key" 1 "does not begin with USER:HEX" --server :loop --tls-psk nonsense -w read
  check "a bad priority" 1 'not understood from "+ODD"' --server :loop --tls-psk psk --tls-priority NORMAL:+ODD -w read
fi
check "a priority alone" 1 "without --tls-psk" --server :loop --tls-priority NORMAL -w read

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
