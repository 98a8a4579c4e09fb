#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What a person or a CI system sees of testkit: exit statuses, messages, reports,
# and that nothing is left over. Needs a server: the one beside testkit, or any.
set -u
testkit=$BUILD/bin/testkit
if [ ! -x "$BUILD/bin/nbdkit" ] && ! type -P nbdkit >/dev/null; then
  echo "skipped: nbdkit is missing (not built, not in PATH)"
  exit 77
fi
work=$(mktemp -d)
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

# check WHAT STATUS TEXT COMMAND...: its exit status, and a part of its output.
check() {
  local what=$1 status=$2 text=$3
  shift 3
  "$@" >out 2>&1
  local got=$?
  if [ $got != "$status" ] || ! grep -qF -- "$text" out; then
    echo "FAIL: $what: expected status $status and \"$text\", got $got and:"
    cat out
    failures=$((failures + 1))
  fi
}

# scenario FILE STEPS: one over memory, on a Unix socket.
scenario() {
  cat >"$1" <<END
{ "name": "n", "why": "w", "transports": ["unix"],
  "server": { "plugin": "memory", "with": { "size": "1M" } },
  "client": $2 }
END
}

scenario good.json '{ "steps": [ { "read": { "length": 512 }, "expect": { "data": "zeroes" } } ] }'
scenario wrong.json '{ "steps": [ { "read": { "length": 512 }, "expect": { "data": { "byte": 7 } } } ] }'
scenario hang.json '{ "run": "sleep 1000", "within": "200ms" }'
# shellcheck disable=SC2016  # for the client's own shell
scenario crash.json '{ "run": "kill -9 $(pgrep -f \"$unixsocket\" | grep -vx $$)" }'
scenario needs.json '{ "run": "no-such-program" }, "needs": { "programs": "no-such-program" }'
scenario malformed.json '{ "steps": [
    { "raed": { "length": 512 } } ] }'

check "a good scenario" 0 "1 passed, 0 failed, 0 skipped" "$testkit" run good.json
if [ -x "$BUILD/bin/nbdkit" ]; then
  ln -s "$BUILD/bin/nbdkit" server
  check "a server by a path from here" 0 "1 passed, 0 failed, 0 skipped" "$testkit" run good.json --nbdkit ./server
  check "the same in the environment" 0 "1 passed, 0 failed, 0 skipped" \
    env TESTKIT_NBDKIT=./server "$testkit" run good.json
fi
check "a server that is not there" 2 "the server ./no/such: No such file" "$testkit" run good.json --nbdkit ./no/such
check "a failing scenario" 1 "512 of 512 bytes wrong from offset 0 (0x00 for 0x07)" "$testkit" run wrong.json
check "how to repeat it" 1 "again testkit run wrong.json --cell 1 --seed 5" "$testkit" run wrong.json --seed 5
check "a client that hangs" 1 "killed" "$testkit" run hang.json
check "a server that dies" 1 "ended on its own: killed by SIGKILL" "$testkit" run crash.json
check "a malformed file" 2 'malformed.json:4:7: /client/steps/0/raed: unknown key "raed", did you mean "read"?' \
  "$testkit" run malformed.json
check "a malformed file is found by check" 2 'did you mean "read"?' "$testkit" check malformed.json
check "one malformed file stops the run" 2 "1 problem" "$testkit" run good.json malformed.json
check "check of good files" 0 "2 scenarios, 2 cells: no problems" "$testkit" check good.json wrong.json
check "a file that is not there" 2 "cannot be read: No such file" "$testkit" run no-such.json
check "no file" 2 "PATH is required" "$testkit" run
check "an unknown option" 2 "--no-such" "$testkit" run --no-such good.json
check "no command" 2 "subcommand" "$testkit"
check "a filter that fits nothing" 2 "no cell" "$testkit" run good.json --filter nothing
check "a filter" 0 "1 passed, 0 failed" "$testkit" run good.json wrong.json --filter '*/good'
check "the list" 0 "1 [unix]" "$testkit" run good.json --list
check "a need that is missing" 0 "program no-such-program is missing" "$testkit" run needs.json
check "a skip is counted" 0 "0 passed, 0 failed, 1 skipped" "$testkit" run needs.json
check "help" 0 "run scenarios" "$testkit" --help
check "version" 0 "testkit " "$testkit" --version
check "the reports" 1 "report $work/j.xml" "$testkit" run good.json wrong.json hang.json -j3 \
  --junit "$work/j.xml" --json "$work/j.json" --keep-logs "$work/logs"
type -P xmllint >/dev/null && check "JUnit is XML" 0 "testsuites" xmllint j.xml
check "JUnit has the failures" 0 'tests="3" failures="2"' cat j.xml
check "logs are kept" 0 "server.log" ls "logs/$(basename "$work").good.1"

# Ctrl-C: the client and the server end, and the folder goes.
scenario sleep.json '{ "run": "sleep 1000" }'
"$testkit" run sleep.json >out 2>&1 &
pid=$!
for _ in $(seq 100); do compgen -G "$TMPDIR/tk*/client-1.out" >/dev/null && break; sleep 0.05; done
kill -INT $pid
wait $pid
[ $? = 130 ] || { echo "FAIL: an interrupted run should end with status 130"; cat out; failures=$((failures + 1)); }
grep -q "1 skipped" out || { echo "FAIL: the interrupted cell is not told"; cat out; failures=$((failures + 1)); }

if [ -n "$(ls -A "$TMPDIR")" ]; then
  echo "FAIL: left over: $(ls "$TMPDIR")"
  failures=$((failures + 1))
fi
if pgrep -f "$TMPDIR" >/dev/null; then
  echo "FAIL: processes left over: $(pgrep -af "$TMPDIR")"
  failures=$((failures + 1))
fi
exit $((failures > 0))
