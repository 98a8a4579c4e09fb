#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# What is delayed, how long by the log, and what is not held up by it.
# shellcheck disable=SC2016,SC1091,SC2154  # expanded by the command of --run; sourced
set -euo pipefail
. "$SOURCE/filters/faults/test-functions.sh"
delays() { local code=$1; shift; python_client "$code" --filter=delay memory 1M fault-log=log "$@" 2>/dev/null; }

# ---- each kind, by the plain parameters and by rules; the original has no flush
all='h.pread(512, 0); h.pwrite(b"x", 0); h.flush(); h.trim(512, 0); h.zero(512, 0); h.cache(512, 0)'
expect 'read 0.001
write 0.002
flush 0.003
trim 0.002
zero 0.004
cache 0.005' "$(delays "$all" delay-read=1ms wdelay=2ms delay-flush=3ms delay-zero=4ms delay-cache=5ms
  events log request.op did.delay)"
expect 'open 0.001
extents 0.001
close 0.001' "$(CODE='h.block_status(512, 0, lambda *a: 0)' serve --filter=delay memory 1M \
  delay-rule='open,extents,close delay=1ms' fault-log=log \
  --run 'nbdsh --base -u "$uri" -c "$CODE"' && events log request.op did.delay | sort -u |
  sed -n 's/^open/1 &/p; s/^extents/2 &/p; s/^close/3 &/p' | sort | cut -c3-)"
serve --filter=delay memory 1M delay-rule='list delay=1ms' fault-log=log \
  --run 'nbdinfo --list "$uri" >/dev/null'
grep -q '"op":"list"' log

# ---- rules add up with each other; the state machine is the same
expect '1 0.001
2 0.001
2 0.002
3 0.001' "$(delays 'reads(3)' rdelay=1ms delay-rule='read nth=2 delay=2ms'
  events log request.number did.delay | sort)"

# ---- distributions, as drawn
for spread in uniform:1ms:3ms normal:2ms:1ms pareto:1ms:1.5 '2ms jitter=1ms'; do
  delays 'reads(20)' "delay-rule=read delay=$spread" fault-seed=7
  [ "$(events log did.delay | sort -u | wc -l)" -gt 15 ] || fail "$spread: $(cat log)"
  grep -q '"seed":7,"stream":"delay/1","index":20' log
done
expect 0.002 "$(delays 'reads(20)' 'delay-rule=read delay=2ms' && events log did.delay | sort -u)"

# ---- it does take that long
expect True "$(delays 'import time; t = time.time(); h.flush(); print(time.time() - t >= 0.3)' delay-flush=300ms)"
expect True "$(delays '
import time; t = time.time(); x = nbd.NBD(); x.connect_uri(os.environ["uri"]); print(time.time() - t >= 0.3)' \
  delay-open=300ms)"

# ---- 64 requests in flight, one of them slow: the others come back first
expect '63 of 63 before it, then it' "$(delays '
order = []
for i in range(64):
  buf = nbd.Buffer(512)
  h.aio_pread(buf, 512 * i, lambda e, i=i: order.append(i) or 1)
while len(order) < 64: h.poll(-1)
print(len(order[:order.index(20)]), "of 63 before it, then", "it" if order[-1] == 20 else order[-1])' \
  delay-rule='read nth=21 delay=1s')"
# ... also when a tenth is slow, and the rest comes in the meantime.
expect True "$(delays '
order = []
for i in range(64):
  buf = nbd.Buffer(512)
  h.aio_pread(buf, 512 * i, lambda e, i=i: order.append(i) or 1)
while len(order) < 64: h.poll(-1)
print(sorted(order[-6:]) == [9, 19, 29, 39, 49, 59])' delay-rule='read every=10 delay=1s')"

# ... and however many wait: those behind them do not, though --threads is 2
behind='
order = []
buffers = [nbd.Buffer(4096) for i in range(40)]
for i in range(40): h.aio_pread(buffers[i], 4096 * i, lambda e: order.append("read") or 1)
h.aio_pwrite(nbd.Buffer(512), 0, lambda e: order.append("write") or 1)
while len(order) < 41: h.poll(-1)
print(len(order[order.index("write") + 1:]), "behind it")'
expect '40 behind it' "$(delays "$behind" delay-read=1s -t 2)"
# ... also where the plugin takes one request at a time, of a client or of all
for model in serialize_requests serialize_all_requests; do
  expect '40 behind it' "$(python_client "$behind" --filter=delay eval thread_model="echo $model" get_size='echo 1M' \
    pread='head -c $3 /dev/zero' can_write='exit 0' pwrite='cat >/dev/null' delay-read=1s 2>/dev/null)"
done
# ... but not if they are wanted in turn
expect '0 behind it' "$(python_client "$behind" --filter=noparallel --filter=delay memory 1M delay-read=10ms 2>/dev/null)"

refused 'delay-rule: at column 5: expected how long: delay=10ms' --filter=delay memory 1M delay-rule=read
refused 'delay-flush' --filter=delay memory 1M delay-flush=soon
