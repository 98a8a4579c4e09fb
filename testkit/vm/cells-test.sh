#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Cells that a guest runs: their results are those of the run. A guest that dies takes only the cell
# with it that was running, and where none can be booted they are skipped with the reason.
set -u
testkit=$BUILD/bin/testkit
[ -x "$BUILD/bin/nbdkit" ] || { echo "skipped: nbdkit is missing (not built)"; exit 77; }
if [ -n "${SANITIZED-}" ]; then
  echo "skipped: User Mode Linux cannot run a build with sanitizers"
  exit 77
fi
work=$(mktemp -d)
export TMPDIR=$work/tmp
mkdir "$TMPDIR"
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
"$testkit" vm -- true 2>err || { echo "skipped: no guest can be booted here: $(tail -n 1 err)"; exit 77; }
failures=0
fail() { echo "FAIL: $*"; failures=$((failures + 1)); }
said() { grep -qF -- "$1" out || { fail "no \"$1\""; cat out; }; }

# scenario NAME TRANSPORT HOST RUN [NEEDS]: HOST is what uname says where it runs
mkdir s
scenario() {
  cat >"s/$1.json" <<END
{ "name": "$1", "why": "w", "transports": ["$2"], "server": { "plugin": "memory", "with": { "size": "1M" } },
  ${5-\"needs\": { \"modules\": [\"dm_crypt\"] \},}
  "client": { "run": "$4" }, "expect": { "stdout": "$3" } }
END
}
# shellcheck disable=SC2016  # for the client's shell
scenario 1-good vsock testkit-guest 'nbdinfo --size $uri && uname -n'
scenario 2-panics unix testkit-guest 'echo c >/proc/sysrq-trigger; sleep 60'
scenario 3-good unix testkit-guest 'uname -n'
scenario 4-wrong unix testkit-guest 'echo something else'
scenario 5-here unix "$(uname -n)" 'uname -n' ""

"$testkit" run s --json report.json --keep-logs logs >out 2>&1
[ $? = 1 ] || fail "a run with failures should have status 1"
said "3 passed, 2 failed, 0 skipped"
said "guest: expected goes on, got the guest's kernel panicked: sysrq triggered crash"
said "stdout that does not contain \"testkit-guest\""
grep -q "memory size=1M" report.json || fail "the report does not have the server of the guest's cells"
ls logs/s.1-good.1/server.log >/dev/null || fail "the guest's logs are not kept: $(ls logs)"

"$testkit" run s/3-good.json --guest never >out 2>&1 || fail "a skip is no failure"
said "kernel module dm_crypt is not loaded"
TESTKIT_VM_BACKEND=kvm "$testkit" run s/3-good.json >out 2>&1 || fail "a guest that is not there is no failure"
[ -e /sys/module/kvm_intel ] || [ -e /sys/module/kvm_amd ] || said "no guest can be booted: kvm:"
"$testkit" run s --guest without >out 2>&1 || fail "what needs no guest should pass"
said "1 passed, 0 failed, 0 skipped"
"$testkit" run s --guest only --list >out 2>&1
[ "$(grep -c '^  ' out)" = 4 ] || fail "4 cells ask something of the kernel: $(cat out)"
exit $((failures > 0))
