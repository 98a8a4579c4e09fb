#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# The text is that of the original but for its times; the JSON has the same counts, and latencies
# that are in order and of the size that a delay below makes them.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs jq jq
code='
h.pwrite(b"x" * 4096, 0); h.pread(512, 3); h.flush(); h.zero(1024, 0); h.trim(9, 9); h.cache(1, 1)
for i in range(100): h.pread(4096, i * 4096)
h.block_status(65536, 0, lambda *a: 0)
for i in range(3): fails(lambda: h.pread(512, 1 << 20))'
run() { CODE=$client$code "$@" -U - --filter=stats memory 1M statsfile=out --run 'nbdsh --base -u "$uri" -c "$CODE"' 2>/dev/null; }
untimed() { sed -E 's/[0-9.]+ s,/T s,/; s/, [^,]*\/s( op| total)?/, R/g' out; }
run "$BUILD/bin/nbdkit"
untimed >ours
grep -qx 'total: 107 ops, T s, 405.51 KiB, R' ours
grep -qx 'read: 101 ops, T s, 400.50 KiB, R, R' ours
grep -qx '    12 bits: 99.0% (100 reqs, 400.00 KiB total)' ours
grep -qx '         12 bit aligned: 100.0% (100)' ours
grep -qx '         15 bit aligned:  13.0% (13)' ours
grep -qx '    other sizes:  1.0% (1 reqs, 512 bytes total)' ours
# The original leaves flushes out of its total, and counts all bytes again as those of other sizes.
if [ -e /usr/lib/x86_64-linux-gnu/nbdkit/filters/nbdkit-stats-filter.so ]; then
  run /usr/bin/nbdkit
  diff <(untimed | grep -E '^[a-z]' | grep -v total:) <(grep -E '^[a-z]' ours | grep -v total:) || fail 'the sums are not those of the original'
fi
python_client 'h.pread(512, 0)' --filter=stats memory 1M statsfile=out statsthreshold=0
expect 2 "$(wc -l <out)"
python_client 'h.pread(512, 0)' --filter=stats memory 1M statsfile=out statsthreshold=0 statsappend=true
expect 4 "$(wc -l <out)"
# JSON, with requests in parallel that take 20 ms or more, and some that fail.
CODE=$client'
cs = [h.aio_pread(nbd.Buffer(512), 512 * i) for i in range(50)]
for c in cs:
  while not h.aio_command_completed(c): h.poll(-1)
for i in range(5): h.pwrite(b"x" * 100, i)
for i in range(4): fails(lambda: h.zero(512, 0))' serve --filter=stats --filter=delay --filter=error memory 1M rdelay=20ms \
  error-zero-rate=100% statsfile=out statsformat=json --run 'nbdsh -u "$uri" -c "$CODE"' 2>/dev/null
expect 1 "$(wc -l <out)"
check() { jq -e "$1" out >/dev/null || fail "not so: $1 in $(cat out)"; }
check '.total == {"ops":55,"bytes":26100,"errors":4}'
check '.read.ops == 50 and .read.bytes == 25600 and .read.errors == 0'
check '.write.ops == 5 and .zero.ops == 0 and .zero.errors == 4 and .zero.latency == {}'
check '.read.latency | .min >= 0.02 and .min <= .p50 and .p50 <= .p90 and .p90 <= .p99 and .p99 <= .["p99.9"] and .["p99.9"] <= .max'
check '.read.latency.mean >= 0.02 and .read.seconds >= 1 and .elapsed > 0.02'
check '.write.latency.max < .read.latency.min or .write.latency.min < 0.02'
# While it runs, through the control socket, and from zero again.
CODE='
import json, socket
s = socket.socket(socket.AF_UNIX); s.connect("control"); f = s.makefile("rw")
def ask(do):
  f.write(json.dumps({"filter": "stats", "do": do}) + "\n"); f.flush()
  return json.loads(f.readline())
h.pread(512, 0); h.pread(512, 0)
a = ask("get"); assert a["ok"] and a["read"]["ops"] == 2, a
assert ask("reset")["ok"]
h.pwrite(b"x", 0)
a = ask("get"); assert (a["read"]["ops"], a["read"]["latency"], a["write"]["bytes"]) == (0, {}, 1), a
' serve --filter=stats memory 1M control=control --run 'nbdsh -u "$uri" -c "$CODE"'
refused 'stats: give a file' --filter=stats memory 1M
refused 'statsthreshold' --filter=stats memory 1M statsfile=out statsthreshold=101
refused 'statsformat: expected one of text, json' --filter=stats memory 1M statsfile=out statsformat=xml
refused 'statsfile=' --filter=stats memory 1M statsfile=none/out
