#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# One seed for the whole stack: two runs are the same, event by event, although 16
# requests are in flight and threads part them; another seed makes another run.
# shellcheck disable=SC2016,SC1091,SC2154  # expanded by the command of --run; sourced
set -euo pipefail
. "$SOURCE/filters/faults/test-functions.sh"

# What a client with 16 requests in flight sees, and what the log says of it.
run() {
  python_client '
from collections import deque
outcomes, flying = {}, 0
def note(i):
  def callback(error):
    global flying
    outcomes[i] = error.value; flying -= 1
    error.value = 0
    return 1
  return callback
# Alike for each run: reads and writes all over the disk.
for i in range(600):
  while flying >= 16: h.poll(-1)
  flying += 1
  buf, at = nbd.Buffer.from_bytearray(bytearray([i % 251]) * 4096), (i * 7919) % 256 * 4096
  (h.aio_pread if i % 3 else h.aio_pwrite)(buf, at, note(i))
while flying: h.poll(-1)
print(*[outcomes[i] for i in range(600)])' --filter=error --filter=delay --filter=evil memory 1M \
    fault-seed="$1" fault-log="$2" \
    error-rule='read every=2 probability=30% error=EIO:3,ENOSPC' error-rule='write offset=256K-512K times=9' \
    error-rule='read state=b set-state=start error=EPERM' error-rule='write every=50 pass set-state=b' \
    delay-rule='read,write probability=20% delay=pareto:200us:1.5' \
    evil-rule='read probability=10% flip=2' evil-rule='write probability=10% torn' 2>/dev/null
}
# Of each event all but the time, by request.
same() { sed -E 's/"time":[0-9.]+,//' "$1" | sort; }

run 7 first >outcomes
run 7 again | cmp - outcomes || fail 'the client has seen something else'
cmp <(same first) <(same again) || fail "the logs differ: $(diff <(same first) <(same again) | head -6)"
run 8 other >/dev/null
! cmp -s <(same first) <(same other) || fail 'another seed makes no difference'
for filter in error delay evil; do
  grep -q "\"filter\":\"$filter\"" first || fail "no event of $filter"
done
echo "$(wc -l <first) events, the same in both runs"

# Connections are told apart, whichever is the quicker: each by itself is the same.
pair() {
  python_client '
import threading
x = nbd.NBD(); x.connect_uri(os.environ["uri"])
def work(c):
  for i in range(100): fails(lambda: c.pread(512, 0))
both = [threading.Thread(target=work, args=[c]) for c in (h, x)]
for t in both: t.start()
for t in both: t.join()' --filter=error memory 1M fault-seed=7 fault-log="$1" \
    error-rule='read probability=20% per=connection' 2>/dev/null
}
pair first
pair again
cmp <(same first) <(same again)
[ "$(events first request.connection | sort -u | wc -l)" -eq 2 ]

# The seed of one run, as it was told, makes the next one the same.
client_reads='reads(40)'
python_client "$client_reads" --filter=error memory 1M error-rate=20% fault-log=first 2>said
seed=$(sed -n 's/^nbdkit: fault-seed=//p' said)
python_client "$client_reads" --filter=error memory 1M error-rate=20% fault-log=again fault-seed="$seed" 2>/dev/null
cmp <(same first) <(same again)
# Two filters of a kind have streams of their own, and one line about the seed.
python_client "$client_reads" --filter=error --filter=error memory 1M fault-log=log \
  error-rule='read probability=50%' 2>said
expect 1 "$(grep -c fault-seed= said)"

# A filter that changes requests on their way: those below it are counted as they come.
expect "['ok', 'EIO', 'ok']" "$(python_client 'print(reads(3, 0, 1024))' --filter=blocksize --filter=error \
  memory 1M maxdata=512 error-rule='read nth=4' 2>/dev/null)"
