#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Other programs read our reports as what they claim to be, and find in them what happened:
# TAP by Perl's harness, JUnit by a schema of what CI systems read, JSON by jq, and the
# progress by a terminal.
set -u
testkit=$BUILD/bin/testkit
here=$SOURCE/testkit/report
# shellcheck disable=SC1091  # it is checked by itself
. "${0%/*}/lib.sh"
for tool in "$testkit" perl xmllint jq script; do
  type -P "$tool" >/dev/null || { echo "skipped: $tool is missing"; exit 77; }
done
if [ ! -x "$BUILD/bin/nbdkit" ] && ! type -P nbdkit >/dev/null; then
  echo "skipped: nbdkit is missing (not built, not in PATH)"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

# same WHAT EXPECTED GOT
same() {
  [ "$2" = "$3" ] && return
  printf 'FAIL: %s: expected\n%s\ngot\n%s\n' "$1" "$2" "$3"
  failures=$((failures + 1))
}
# has WHAT TEXT FILE
has() {
  grep -qF -- "$2" "$3" && return
  printf 'FAIL: %s: "%s" is not in:\n' "$1" "$2"
  cat "$3"
  failures=$((failures + 1))
}

make_scenarios s
"$testkit" run s -j2 --seed 3 --tap r.tap --junit r.xml --json r.json >out 2>&1
same "exit status" 1 $?
same "totals" "4 passed, 5 failed, 1 skipped" "$(tail -n 1 out)"
has "a failure has the wire" "<- fault 1: disconnect FIN" out
has "output of a client cannot write to the terminal" 'stderr  \x1b[31mred\xff\x01' out

# Debian's Test::Harness refuses versions that it does not know, and 14 reads as 13 does.
same "TAP" "plan 10 passed 5 failed 5 todo 1 skipped 1 errors 0 yaml 9" "$(sed '1s/14/13/' r.tap | perl -MTAP::Parser -e '
  local $/; my $p = TAP::Parser->new({ tap => <STDIN> }); my $yaml = 0;
  while (my $r = $p->next) {
    next unless $r->is_yaml;
    $yaml++;
    my $d = $r->data;
    die "no duration" unless defined $d->{duration_ms};
    die "half a failure" if $d->{severity} && !($d->{wanted} && $d->{found} && $d->{again} && $d->{at}{file});
  }
  printf "plan %s passed %d failed %d todo %d skipped %d errors %d yaml %d", $p->tests_planned,
    scalar $p->passed, scalar $p->failed, scalar $p->todo, scalar $p->skipped, scalar $p->parse_errors, $yaml')"
same "version of TAP" "TAP version 14" "$(head -n 1 r.tap)"
has "a known issue in TAP" '# TODO bug \# 12' r.tap
has "a skip in TAP" '# SKIP program no-such-program is missing' r.tap
if python3 -c 'import yaml' 2>/dev/null; then
  same "YAML of TAP" "wire of 4 failures" "$(python3 - r.tap <<'END'
import sys, textwrap, yaml
blocks = open(sys.argv[1]).read().split("\n  ---\n")[1:]
read = [yaml.safe_load(textwrap.dedent(b.split("\n  ...\n")[0])) for b in blocks]
wired = [r for r in read if any("<- fault 1: disconnect" in line for line in r.get("wire", "").split("\n"))]
print("wire of", len(wired), "failures")
END
)"
fi

xmllint --noout --relaxng "$here/junit.rng" r.xml 2>err || { cat err; failures=$((failures + 1)); }
same "failures in JUnit" 5 "$(xmllint --xpath 'count(//failure)' r.xml)"
same "JUnit: a known issue is none" "skipped, of 2: known issue: bug # 12" "skipped, of $(
  xmllint --xpath 'string(/testsuites/@skipped)' r.xml): $(
  xmllint --xpath 'string(//testcase[not(failure)]/skipped[@type="known-issue"]/@message)' r.xml)"
same "JUnit: the wire in what was printed" 4 \
  "$(xmllint --xpath 'count(//testcase[failure]/system-out[contains(., "wire ") and contains(., "<- fault 1")])' r.xml)"

same "JSON: cells" 10 "$(jq '.cells | length' r.json)"
same "JSON: each reply after its request" true "$(jq '[.cells[].traces[].events[] | select(.answers != null)
  | .answers < .number and .latency_ms >= 0] | length > 100 and all' r.json)"
same "JSON: what was left out" true "$(jq '[.cells[].traces[] | select(.total > (.events | length))] | length == 1' r.json)"
same "JSON: the fault" '"disconnect RST"' "$(jq '[.cells[].traces[].events[].faults[]?.did] | unique | .[1]' r.json)"
same "JSON: no trace without a proxy" 0 "$(jq '[.cells[] | select(.scenario == "s/other/good" or .scenario == "other/good")
  | .traces[]] | length' r.json)"
"$testkit" run s/other/good.json --trace --seed 5 --json t.json >out 2>&1
same "the command has --trace" "testkit run s/other/good.json --cell 2 --seed 5 --trace" "$(jq -r '.cells[1].again' t.json)"
same "JSON: a trace where one is asked for" 2 "$(jq '[.cells[].traces[] | select(.events | length > 5)] | length' t.json)"

# On a terminal the progress comes and goes; elsewhere nothing moves the cursor.
TERM=xterm script -qec "'$testkit' run s/other -q" /dev/null >"$work/tty" <"/dev/null"
has "progress on a terminal" $'\r\e[K1/5 done, ' "$work/tty"
has "colour on a terminal" $'\e[31;1mFAIL' "$work/tty"
TERM=xterm NO_COLOR=1 script -qec "'$testkit' run s/other -q" /dev/null >"$work/tty" <"/dev/null"
has "no colour if it is not wanted" $'\r\e[KFAIL' "$work/tty"
"$testkit" run s/other -q >out 2>&1
same "a log has no control characters" 0 "$(grep -c $'[\e\r]' out)"
exit $((failures > 0))
