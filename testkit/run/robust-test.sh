#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Goal: whatever scenarios do, nothing of them is left; what fails can be repeated,
# divided, tried again and looked at. Method: scenarios made here that misbehave.
set -uo pipefail
PATH=/usr/bin:$PATH  # the python that has Debian's modules
failures=0
fail() { echo "FAIL: $*"; failures=$((failures + 1)); }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
testkit() { "$BUILD/bin/testkit" "$@"; }

# scenario FILE CLIENT [MORE]: over a small memory disk
scenario() {
  cat >"$1" <<END
{ "name": "$1", "why": "a test of testkit", "transports": ["unix"], ${3-}
  "server": { "plugin": "memory", "with": { "size": "1M" } }, "client": $2 }
END
}
# expect WHAT STATUS TEXT COMMAND...
expect() {
  local what=$1 status=$2 text=$3 got
  shift 3
  "$@" >out 2>&1
  got=$?
  if [ $got != "$status" ] || ! grep -qF -- "$text" out; then fail "$what: status $got"; cat out; fi
}

# ---- many cells: no descriptor, process, folder or socket of any is left. With room
# for 64 descriptors, the leak of one in each cell would end the run early.
cells=1000
[ -z "${SANITIZED-}" ] || cells=150
scenario many.json '{ "steps": [ { "read": { "length": 512 }, "expect": { "data": "zeroes" } } ] }' \
  "\"matrix\": { \"n\": [$(seq -s, $cells)] },"
expect "$cells cells" 0 "$cells passed, 0 failed" prlimit --nofile=64 "$BUILD/bin/testkit" run many.json -q -j 4

# ---- what a client leaves behind is found, told and cleared away
# shellcheck disable=SC2016
scenario daemon.json '{ "run": "setsid sleep 987 & sleep 0.1" }'
expect "a process left behind" 1 "(sleep)" testkit run daemon.json
pgrep -fx "sleep 987" >/dev/null && fail "the process is still there"
if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
  # shellcheck disable=SC2016
  scenario mount.json '{ "run": "mkdir m && mount -t tmpfs testkit m" }'
  expect "a mount left behind" 1 "got mount \$dir/m" testkit run mount.json
  grep -q "$TMPDIR" /proc/self/mountinfo && fail "the mount is still there"
  scenario loop.json '{ "run": "truncate -s 1M f && losetup -f f" }'
  if losetup -f >/dev/null 2>&1; then
    expect "a loop device left behind" 1 "got loop device /dev/loop" testkit run loop.json
    losetup -a | grep -q "$TMPDIR" && fail "the loop device is still there"
  fi
fi

# ---- a client that hangs: where it stands
scenario hang.json '{ "run": "exec sleep 986", "within": "200ms" }'
if type -P eu-stack gdb >/dev/null; then
  expect "the stacks of a client that hangs" 1 "stack " testkit run hang.json
else
  expect "a client that hangs" 1 "killed" testkit run hang.json
fi

# ---- parts of a run: every cell is in one of them
scenario parts.json '{ "run": "true" }' '"matrix": { "n": [1, 2, 3, 4, 5, 6, 7] },'
for k in 1 2 3; do testkit run parts.json --list --shard $k/3 | grep '\['; done | sort >parts
testkit run parts.json --list | grep '\[' | sort | cmp - parts || fail "--shard: parts and whole differ"
expect "a part beyond the last" 2 "--shard" testkit run parts.json --shard 4/3
expect "no part at all" 2 'expected K/N, such as 1/3, got "2"' testkit run parts.json --shard 2

# ---- tries
scenario flaky.json '{ "run": "[ -e '"$work"'/second ] || { touch '"$work"'/second; exit 3; }" }'
expect "a second try" 0 "try 1: expected passes, got run" testkit run flaky.json --retries 2
scenario never.json '{ "run": "echo >> '"$work"'/tries; exit 3" }'
expect "no try is right" 1 "0 passed, 1 failed" testkit run never.json --retries 2
[ "$(wc -l <tries)" = 3 ] || fail "--retries 2 gave $(wc -l <tries) tries"

# ---- the server side alone
scenario serve.json '{ "run": "false" }' \
  '"wire": [ { "at": "reply.data", "do": "disconnect", "nth": 2 } ],'
"$BUILD/bin/testkit" serve serve.json >served &
pid=$!
for _ in $(seq 200); do grep -q ^uri served && break; sleep 0.05; done
uri=$(sed -n 's/^uri //p' served)
[ "$(nbdinfo --size "$uri")" = 1048576 ] || fail "serve: nbdinfo says otherwise"
nbdsh -u "$uri" -c 'h.pread(512, 0)' || fail "serve: the first read"
nbdsh -u "$uri" -c 'h.pread(512, 0)' 2>err && fail "serve: the fault did not happen"
kill -TERM $pid
wait $pid || fail "serve: exit status $?"
grep -q "wire fault 1, disconnect at reply: fired 1 times" served || { fail "serve: what fired"; cat served; }
expect "serve of several" 2 "has 2 scenarios, give one" testkit serve "$(mkdir two; cp never.json hang.json two; echo two)"

# ---- one seed, the same faults at the same places: the messages of each connection,
# without their times, in every shipped scenario whose rules draw lots
mapfile -t random < <(grep -l '"probability"' "$SOURCE"/scenarios/*/*.json)
for turn in 7 7-again 8; do
  testkit run "${random[@]}" --seed "${turn%-again}" -q --keep-logs "logs-$turn" >out 2>&1 || { fail "seed $turn"; cat out; }
  for trace in "logs-$turn"/*/wire.trace; do
    jq -cs 'map(select(.at) | del(.ms)) | sort_by(.connection)[]' "$trace" >"$trace.timeless"
  done
done
compared=0
for trace in logs-7/*/wire.trace.timeless; do
  compared=$((compared + 1))
  cmp "$trace" "${trace/logs-7/logs-7-again}" || fail "the same seed, another trace: $trace"
done
[ $compared -ge 6 ] || fail "only $compared traces were compared"
cat logs-7/*/*.timeless | cmp -s - <(cat logs-8/*/*.timeless) && fail "another seed gives the same trace"

[ -z "$(ls -A "$TMPDIR")" ] || fail "left over: $(ls "$TMPDIR")"
pgrep -f "$TMPDIR" >/dev/null && fail "processes left over: $(pgrep -af "$TMPDIR")"
exit $((failures > 0))
