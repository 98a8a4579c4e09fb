#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every word of a rule, and every kind of request, as clients see them. (Which requests
# a rule counts is tested in faults/faults-test.cpp.)
# shellcheck disable=SC2016,SC1091,SC2154  # expanded by the command of --run; sourced
set -euo pipefail
. "$SOURCE/filters/faults/test-functions.sh"
error() { local code=$1; shift; python_client "$code" --filter=error memory 1M "$@" 2>/dev/null; }
rule() { local rule=$1 code=$2; shift 2; error "$code" "error-rule=$rule" "$@"; }

# ---- each kind of request, and nothing else
for op in read write flush trim zero cache extents; do
  CODE="$client"'
what = {"read": lambda: h.pread(512, 0), "write": lambda: h.pwrite(b"x" * 512, 0), "flush": h.flush,
        "trim": lambda: h.trim(512, 0), "zero": lambda: h.zero(512, 0), "cache": lambda: h.cache(512, 0),
        "extents": lambda: h.block_status(512, 0, lambda *a: 0)}
print(*[name for name in what if fails(what[name]) == "ENOSPC"])' \
    serve --filter=error memory 1M "error-rule=$op error=ENOSPC" \
    --run 'nbdsh --base -u "$uri" -c "$CODE"' >out 2>/dev/null
  expect "$op" "$(cat out)"
done

# ---- the error, and what the client is told
expect "EIO" "$(rule read 'print(*reads(1))')"
expect "['EPERM', 'EIO', 'ENOMEM', 'EINVAL', 'ENOSPC', 'ESHUTDOWN', 'EINVAL', 'EIO', 'ok']" "$(
  error 'print(reads(9))' error-rule='read nth=1 error=EPERM' error-rule='read nth=2 error=EIO' \
    error-rule='read nth=3 error=ENOMEM' error-rule='read nth=4 error=EINVAL' \
    error-rule='read nth=5 error=ENOSPC' error-rule='read nth=6 error=ESHUTDOWN' \
    error-rule='read nth=7 error=ECHILD' error-rule='read nth=8 error=5')"
expect 'ENOTSUP' "$(rule 'zero flags=fast-zero error=ENOTSUP' \
  'print(fails(lambda: h.zero(512, 0, nbd.CMD_FLAG_FAST_ZERO)))')"
serve --filter=error memory 1M error-rule='read text="the disk is on holiday"' \
  --run 'nbdsh -u "$uri" -c "h.pread(512, 0)" || true' >out 2>&1
grep -q 'error: the disk is on holiday' out
both=$(rule 'read error=EIO:3,ENOSPC' 'print(*sorted(set(reads(60))))' fault-seed=5)
expect 'EIO ENOSPC' "$both"

# ---- which requests
expect "['ok', 'ok', 'EIO', 'ok', 'ok', 'EIO']" "$(rule 'read every=3' 'print(reads(6))')"
expect "['ok', 'EIO', 'ok', 'EIO', 'EIO']" "$(rule 'read nth=2,4-' 'print(reads(5))')"
expect "['EIO', 'EIO', 'ok']" "$(rule 'read first=2' 'print(reads(3))')"
expect "['ok', 'ok', 'EIO']" "$(rule 'read after=2' 'print(reads(3))')"
expect "['ok', 'EIO', 'EIO', 'ok']" "$(rule 'read from=2 to=3' 'print(reads(4))')"
expect "['EIO', 'EIO', 'ok']" "$(rule 'read times=2' 'print(reads(3))')"
expect "['EIO', 'ok']" "$(rule 'read once' 'print(reads(2))')"
expect "ok EIO EIO ok" "$(rule 'read offset=4K-8K' \
  'print(*[fails(lambda: h.pread(512, at)) for at in (3584, 4095, 8191, 8192)])')"
expect "ok EIO" "$(rule 'read length=4K-' 'print(*reads(1, 0, 4095), *reads(1, 0, 4096))')"
expect "ok EIO" "$(rule 'write flags=fua' \
  'print(*[fails(lambda: h.pwrite(b"x", 0, f)) for f in (0, nbd.CMD_FLAG_FUA)])')"
expect "['ok', 'ok', 'EIO']" "$(rule 'read bytes=1K-' 'print(reads(3))')"
expect "['EIO', 'ok']" "$(rule 'read state=start set-state=next' 'print(reads(2))')"
# A read that fails breaks flushes, until one has failed.
expect "['ok', 'EIO', 'EIO', 'ok']" "$(
  error 'print([fails(f) for f in (h.flush, lambda: h.pread(512, 0), h.flush, h.flush)])' \
    error-rule='read set-state=broken' error-rule='flush state=broken set-state=start')"
# What passes only changes the state.
expect "['ok', 'ok', 'EIO']" "$(
  error 'print([fails(f) for f in (h.flush, lambda: h.pread(512, 0), h.flush)])' \
    error-rule='read pass set-state=read' error-rule='flush state=read')"
# The file decides at once.
expect "['ok']['EIO']['ok']" "$(rule 'read file=broken' '
print(reads(1), end=""); open("broken", "w").close()
print(reads(1), end=""); os.remove("broken"); print(reads(1), end="")')"
# The clock of the server, and that of the connection.
expect "['EIO', 'ok']" "$(rule 'read connection-time=-1s' '
import time; a = reads(1); time.sleep(1.1); print(a + reads(1))')"
expect "['ok', 'EIO']" "$(rule 'read time=2s-' '
import time; a = reads(1); time.sleep(2.1); print(a + reads(1))')"
# The second connection, and each one's second read.
second='h2 = nbd.NBD(); h2.connect_uri(os.environ["uri"]); one = lambda x: fails(lambda: x.pread(512, 0))
print(one(h), one(h2), one(h), one(h2), one(h2))'
expect "ok EIO ok EIO EIO" "$(rule 'read connection=2' "$second")"
expect "ok ok EIO EIO ok" "$(rule 'read nth=2 per=connection' "$second")"
mkdir files && truncate -s 1M files/good files/bad
named="$client"'
for name in "good", "bad":
  h = nbd.NBD(); h.set_export_name(name); h.connect_unix(os.environ["unixsocket"]); print(*reads(1))'
expect "ok
EIO" "$(CODE=$named serve --filter=error file dir=files error-rule='read export=bad' \
  --run 'export unixsocket; nbdsh -c "$CODE"' 2>/dev/null)"

# ---- what heals
expect "EIO EIO ok ok" "$(rule 'read offset=4K-8K heals error=EIO' '
print(*reads(1, 4096), end=" "); h.pwrite(b"x" * 512, 4096)
print(*reads(1, 4096, 1024), *reads(1, 4096), end=" "); h.zero(4096, 4096); print(*reads(1, 0, 65536))')"

# ---- where a client gets its export
connects="$client"'
def connects():
  x = nbd.NBD()
  try: x.connect_unix(os.environ["unixsocket"]); return "ok"
  except nbd.Error: return "refused"
print(connects(), connects(), connects())'
refusals() { CODE=$connects serve --filter=error memory 1M "$@" --run 'export unixsocket; nbdsh -c "$CODE"' 2>err; }
# (A client like nbdsh asks once for its export.)
expect "ok refused ok" "$(refusals error-rule='open nth=2')"
expect "ok refused ok" "$(refusals error-rule='size nth=2 text="how large?"')"
grep -q 'error: how large?' err
expect "list: refused" "$(serve --filter=error memory 1M error-rule=list \
  --run 'nbdinfo --list "$uri" >/dev/null 2>&1 && echo "list: ok" || echo "list: refused"' 2>/dev/null)"

# ---- the seed is told where something is drawn, and only there
serve --filter=error memory 1M error-rule='read probability=1%' --run true 2>err
grep -qE '^nbdkit: fault-seed=[0-9]+$' err
expect "" "$(serve --filter=error memory 1M error-rule='read nth=3' error-pread-nth=1 --run true 2>&1)"
expect "" "$(serve --filter=error memory 1M error-rate=1% error-seed=7 --run true 2>&1)"

# ---- what is wrong
refused 'error-rule: at column 6: unknown word "evry", did you mean "every"?
  read evry=3
       ^' --filter=error memory 1M error-rule='read evry=3'
refused 'fault-seed: could not parse number: "x"' --filter=error memory 1M fault-seed=x
refused 'fault-seed=2: there is fault-seed=1 already' --filter=error memory 1M fault-seed=1 fault-seed=2
refused 'fault-log=/nonexistent/log: No such file' --filter=error memory 1M fault-log=/nonexistent/log
