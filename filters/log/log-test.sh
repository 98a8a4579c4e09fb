#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Every request and its result is in the file, in the form of the original.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
needs nbdinfo libnbd-bin
code='
h.pread(512, 1024); h.pwrite(b"x" * 3, 5, nbd.CMD_FLAG_FUA); h.zero(512, 0); h.trim(512, 0)
h.cache(512, 0); h.flush()
h.block_status(65536, 0, lambda *a: 0)
fails(lambda: h.pwrite(b"y", 70000 - 1))'
run() {
  "$@" -U - --filter=log memory 70000 logfile=out --run "nbdsh --base -u \"\$uri\" -c '$client$code'" || true
  # Not in both: when and in which words a client lists exports.
  sed -E 's/^[-0-9]+ [0-9:.]+ //; s/ (min|pref|max)size=[^ ]*//g' out | grep -vE 'Preconnect|ListExports'
}
run "$BUILD/bin/nbdkit" >ours
grep -qxF 'connection=1 Write id=2 offset=0x5 count=0x3 fua=1 ...' ours
grep -qxF 'connection=1 ...Write id=2 return=0' ours
grep -qE '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6} Ready thread_model=3$' out
if [ -e /usr/lib/x86_64-linux-gnu/nbdkit/filters/nbdkit-log-filter.so ]; then
  run /usr/bin/nbdkit >theirs
  diff theirs ours || fail 'the log is not like that of the original'
fi
# Errors by name; a second run replaces the file, or goes behind it.
python_client 'fails(lambda: h.pwrite(b"x", 0))' --filter=log full 1M logfile=log
grep -q 'Write id=1 return=-1 error=ENOSPC' log
lines=$(wc -l <log)
python_client 'fails(lambda: h.pwrite(b"x", 0))' --filter=log full 1M logfile=log logappend=true
expect $((2 * lines)) "$(wc -l <log)"
# Names that a client makes up stay on their line.
serve --filter=log memory 1M logfile=log --run 'nbdsh -c "
h.set_export_name(\"a\\nb \\\"\$x\")
h.connect_uri(\"$uri\".split(\"?\")[0] + \"/?\" + \"$uri\".split(\"?\")[1]) if False else h.connect_unix(\"$unixsocket\")"'
grep -qF 'Connect export="a\x0ab \"\$x"' log || fail "$(grep Connect log)"
# The script gets the same as variables.
python_client 'h.pread(512, 1024); fails(lambda: h.pwrite(b"x", 0))' --filter=log full 1M \
  logscript="echo \"\$connection \$type \$id \$act \$offset \$return \$error\" >>$dir/script"
expect '1 ENTER 1 Read 0x400  
1 LEAVE 1 Read  0 
1 ENTER 2 Write 0x0  
1 LEAVE 2 Write  -1 ENOSPC' "$(grep -E ' (Read|Write) ' script)"
refused 'logfile=/nonexistent/log: No such file' --filter=log memory 1M logfile=/nonexistent/log
# JSON: an object for each request, with all its keys, and it says what happened.
rm -f json
CODE="$client"'
import os
cs = [h.aio_pread(nbd.Buffer(512), 512 * i) for i in range(20)]
for c in cs:
  while not h.aio_command_completed(c): h.poll(-1)
h.pwrite(b"x" * 3, 5, nbd.CMD_FLAG_FUA); h.flush(); h.zero(512, 0, nbd.CMD_FLAG_NO_HOLE)
h.trim(512, 512); h.cache(1, 2); h.block_status(65536, 0, lambda *a: 0, nbd.CMD_FLAG_REQ_ONE)
fails(lambda: h.pread(512, 1024))' serve --filter=log --filter=error data '@1M 1' logfile=json logformat=json error-pread-nth=21 \
  --run 'nbdsh --base -u "$uri" -c "$CODE"' 2>/dev/null
python3 - <<'PY'
import json
lines = [json.loads(line) for line in open("json")]
requests = [o for o in lines if "command" in o]
keys = ["time", "connection", "id", "number", "command", "offset", "length", "flags", "result", "duration"]
for o in requests:
  assert list(o)[:10] == keys, o
  assert list(o)[10:] == (["extents"] if o["command"] == "extents" else []), o
  assert o["connection"] == 1 and 0 <= o["duration"] < 100 and o["time"] > 1.7e9, o
what = sorted((o["id"], o["command"], o["offset"], o["length"], " ".join(o["flags"]), o["result"]) for o in requests)
reads = [w[1:] for w in what[:20]]
assert sorted(reads) == [("read", 512 * i, 512, "", "ok") for i in range(20)], reads
assert [w[1:] for w in what[20:]] == [
  ("write", 5, 3, "fua", "ok"), ("flush", 0, 0, "", "ok"), ("zero", 0, 512, "no-hole", "ok"),
  ("trim", 512, 512, "", "ok"), ("cache", 2, 1, "", "ok"), ("extents", 0, 65536, "req-one", "ok"),
  ("read", 1024, 512, "", "EIO")], what[20:]
assert [w[0] for w in what] == list(range(1, 28))
assert [o["number"] for o in requests if o["command"] == "read" and o["result"] == "EIO"] == [21]
e = [o for o in requests if o["command"] == "extents"][0]["extents"]
assert e[0]["offset"] == 0 and e[0]["length"] >= 512 and e[0]["type"] in (0, 3), e
events = [o["event"] for o in lines if "event" in o]
assert events[:2] == ["ready", "fork"] or events[:1] == ["ready"], events
assert "preconnect" in events and events[-1] == "disconnect", events
connect = [o for o in lines if o.get("event") == "connect"][-1]
assert connect["export"] == "" and connect["tls"] is False and connect["write"] is True, connect
assert connect["connection"] == 1
assert lines[-1]["transactions"] == 27
PY
refused 'logformat: expected one of text, json' --filter=log memory 1M logformat=xml
