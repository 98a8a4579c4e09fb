#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is over the rate takes its time, what is not does not wait; a rate can be changed for
# requests that wait already. (The reckoning: bucket-test.cpp.)
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
common='
import json, os, socket, time
def timed(f):
  t = time.monotonic(); f(); return time.monotonic() - t
def connect():
  n = nbd.NBD(); n.connect_uri(os.environ["uri"]); return n
'
rated() { CODE="$common$1" && shift && CODE=$CODE timeout 100 "$BUILD/bin/nbdkit" -U - --filter=rate memory 64M "$@" --run 'export uri; nbdsh -c "$CODE"'; }
# 8 Mbit/s and one second of burst: 1 MiB at once, half a MiB more takes half a second. Writes and
# reads have a limit each; what has no data has none.
rated '
a, b = connect(), connect()
a.pread(1 << 20, 0)
t = timed(lambda: b.pread(1 << 19, 0))
assert 0.4 < t < 20, t
assert timed(lambda: a.pwrite(bytes(1 << 20), 0)) < t + 10
a.trim(1 << 25, 0); a.flush(); a.zero(1 << 25, 0)' rate=8M burstiness=1
# Each connection has its own bucket, and a whole one at the start.
rated '
for i in range(8): connect().pread(1 << 20, 0)
a = connect(); a.pread(1 << 20, 0)
assert timed(lambda: a.pread(1 << 19, 0)) > 0.4' connection-rate=8M burstiness=1
# Several at once share it, and none is done early: 8 requests of 1/8 s each behind a full bucket.
rated '
h.connect_uri(os.environ["uri"])
h.pread(1 << 20, 0)
t = time.monotonic()
cs = [h.aio_pread(nbd.Buffer(1 << 17), 0) for i in range(8)]
for c in cs:
  while not h.aio_command_completed(c): h.poll(-1)
assert time.monotonic() - t > 0.9' rate=8M burstiness=1
# A flush goes past a read that waits; a change of the rate is seen by who waits: by its file ...
rated '
h.connect_uri(os.environ["uri"])
h.pread(1 << 20, 0)
c = h.aio_pread(nbd.Buffer(32 << 20), 0)
h.flush()
assert not h.aio_command_completed(c)
open("new", "w").write("bogus\n"); os.rename("new", "rate")
time.sleep(0.3); h.poll(0)
assert not h.aio_command_completed(c)
open("new", "w").write("100G\n"); os.rename("new", "rate")
while not h.aio_command_completed(c): h.poll(-1)' rate=8K burstiness=1100 rate-file=rate 2>err
grep -q 'rate-file' err
# ... which also says the first rate; by the control socket, and 0 lifts it.
echo 8M >rate
rated '
a = connect(); a.pread(1 << 20, 0)
assert timed(lambda: a.pread(1 << 19, 0)) > 0.4' burstiness=1 connection-rate-file=rate
rated '
s = socket.socket(socket.AF_UNIX); s.connect("control"); f = s.makefile("rw")
def ask(**what):
  f.write(json.dumps({"filter": "rate", **what}) + "\n"); f.flush()
  return json.loads(f.readline())
assert ask(do="get")["rate"] == 8192
h.connect_uri(os.environ["uri"])
h.pread(1 << 20, 0)
c = h.aio_pread(nbd.Buffer(32 << 20), 0)
time.sleep(0.3); h.poll(0)
assert not h.aio_command_completed(c)
assert ask(do="set", rate="x")["ok"] is False
a = ask(do="set", rate="0"); assert a["ok"] and a["rate"] == 0, a
while not h.aio_command_completed(c): h.poll(-1)
assert ask(do="set", **{"connection-rate": "10M"})["connection-rate"] == 10 << 20' rate=8K burstiness=1100 control=control
# A client that leaves gives its place back, and the server ends though somebody waits.
rated '
h.connect_uri(os.environ["uri"])
h.pread(1 << 20, 0)
a = nbd.NBD(); a.connect_uri(os.environ["uri"])
a.aio_pread(nbd.Buffer(32 << 20), 0)
while a.aio_get_direction() & nbd.AIO_DIRECTION_WRITE: a.poll(0)
time.sleep(0.3)
del a
t = timed(lambda: h.pread(1 << 17, 0))
assert t < 60, t
h.aio_pread(nbd.Buffer(32 << 20), 0)
while h.aio_get_direction() & nbd.AIO_DIRECTION_WRITE: h.poll(0)' rate=1M burstiness=8
# Without a rate it is not there.
serve --filter=rate memory 64M --run 'nbdcopy "$uri" null:'
refused 'rate: a rate of 0 lets nothing pass' --filter=rate memory 1M rate=0
refused 'connection-rate' --filter=rate memory 1M connection-rate=fast
refused 'burstiness' --filter=rate memory 1M burstiness=-1
