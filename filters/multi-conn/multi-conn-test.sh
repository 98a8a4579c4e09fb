#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Which connections of the plugin a flush reaches, in every mode, as the log below sees it; where
# both have it, as with the original.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
plain=(eval get_size='echo 1M' pread='dd if=/dev/zero bs=$3 count=1 2>/dev/null' pwrite='cat >/dev/null'
  can_write='exit 0' can_flush='exit 0' flush='exit 0' thread_model='echo parallel')
# Three connections: the first two write, the third reads, then flushes.
code='
import os
conns = []
for i in range(3):
  n = nbd.NBD()
  n.connect_uri(os.environ["uri"])
  conns.append(n)
a, b, c = conns
print("multi-conn", a.can_multi_conn(), end=" ")
def said(what, f):
  open("out.log", "a").write("@" + what + "\n")
  f()
said("clean", lambda: c.flush())
a.pwrite(b"x", 0); b.pwrite(b"y", 512)
said("flush-a", lambda: a.flush())
said("again", lambda: a.flush())
c.pread(512, 0)
said("reader", lambda: c.flush())
said("reader-of-a", lambda: a.flush())
said("fua", lambda: b.pwrite(b"z", 0, nbd.CMD_FLAG_FUA))
for n in conns: n.shutdown()'
# "clean:3 flush-a:1,2": the connections that a flush reached.
seen() {
  rm -f out.log
  CODE="$code" "$@" --run 'export uri; nbdsh -c "$CODE"'
  awk '/^@/ { if (what) print what ":" list; what = substr($0, 2); list = "" }
       / Flush id=.*\.\.\.$/ { match($0, /connection=[0-9]+/); list = list (list ? "," : "") substr($0, RSTART + 11, RLENGTH - 11) }
       END { print what ":" list }' out.log | while IFS=: read -r what list; do
    echo "$what:$(tr , '\n' <<<"$list" | sort | paste -sd,)"
  done | paste -sd' '
}
ours() { seen "$BUILD/bin/nbdkit" -U - --filter=multi-conn --filter=log "$@" logfile=out.log logappend=true; }
expect 'multi-conn True clean: flush-a:1,2 again: reader:3 reader-of-a: fua:2' "$(ours "${plain[@]}")"
expect 'multi-conn True clean: flush-a:1,2,3 again: reader: reader-of-a: fua:1,2,3' \
  "$(ours "${plain[@]}" multi-conn-track-dirty=fast)"
expect 'multi-conn True clean:1,2,3 flush-a:1,2,3 again:1,2,3 reader:1,2,3 reader-of-a:1,2,3 fua:1,2,3' \
  "$(ours "${plain[@]}" multi-conn-track-dirty=off)"
expect 'multi-conn False clean: flush-a:1 again: reader:3 reader-of-a: fua:' \
  "$(ours "${plain[@]}" multi-conn-mode=disable)"
expect 'multi-conn False clean: flush-a:1 again: reader:3 reader-of-a: fua:' \
  "$(ours "${plain[@]}" multi-conn-mode=plugin)"
expect 'multi-conn True clean:3 flush-a:1 again:1 reader:3 reader-of-a:1 fua:' \
  "$(ours "${plain[@]}" multi-conn-mode=unsafe multi-conn-track-dirty=off)"
# A plugin that can: one flush, on whichever connection, is enough, and is not left out.
expect 'multi-conn True clean: flush-a:1 again: reader:3 reader-of-a: fua:' "$(ours memory 1M)"
expect 'multi-conn True 1' "$(CODE='
import os
a, b = nbd.NBD(), nbd.NBD()
a.connect_uri(os.environ["uri"]); b.connect_uri(os.environ["uri"])
print("multi-conn", a.can_multi_conn(), end=" ")
a.pwrite(b"x", 0); b.flush()' serve --filter=multi-conn --filter=log memory 1M logfile=l2 --run 'export uri; nbdsh -c "$CODE"' &&
  grep -c 'connection=2 Flush.*\.\.\.$' l2)"
expect 'multi-conn False clean: flush-a:1 again: reader:3 reader-of-a: fua:' "$(ours memory 1M multi-conn-mode=disable)"
# One client at a time: nobody to flush for.
serve --filter=multi-conn --filter=noparallel "${plain[@]}" serialize=connections --run 'nbdinfo "$uri"' | grep -q 'can_multi_conn: false'
if [ -e /usr/lib/x86_64-linux-gnu/nbdkit/filters/nbdkit-multi-conn-filter.so ]; then
  for args in multi-conn-track-dirty=off multi-conn-track-dirty=fast; do
    expect "$(seen /usr/bin/nbdkit -U - --filter=multi-conn --filter=log "${plain[@]}" logfile=out.log logappend=true $args)" \
      "$(ours "${plain[@]}" $args)"
  done
fi
# By the name of the export, or all of them.
by_name='
import os
def connect(name):
  n = nbd.NBD(); n.set_export_name(name); n.connect_unix(os.environ["unixsocket"]); return n
a, b, c = connect("one"), connect("two"), connect("one")
for n in (a, b, c): n.pwrite(b"x", 0)
a.flush()'
flushed() { CODE=$by_name serve --filter=multi-conn --filter=log "${plain[@]}" logfile=named "$@" --run 'export unixsocket; nbdsh -c "$CODE"'
  sed -nE 's/.*connection=([0-9]) Flush.*\.\.\.$/\1/p' named | sort | paste -sd,; }
expect 1,2,3 "$(flushed)"
expect 1,3 "$(flushed multi-conn-exportname=true)"
# A flush that fails on another connection fails, and is tried again.
expect 'EIO EIO' "$(CODE="$client"'
import os
a, b = nbd.NBD(), nbd.NBD()
a.connect_uri(os.environ["uri"]); b.connect_uri(os.environ["uri"])
a.pwrite(b"x", 0)
h = b
print(fails(lambda: b.flush()), fails(lambda: b.flush()))' serve --filter=multi-conn "${plain[@]/#flush=*/flush=echo EIO broken >&2; exit 1}" \
  --run 'export uri; nbdsh -c "$CODE"' 2>/dev/null)"
# Many at once, on connections that come and go.
CODE='
import os, random, threading
seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
print("seed", seed)
def client(number):
  r = random.Random(seed + number)
  for _ in range(4):
    n = nbd.NBD(); n.connect_uri(os.environ["uri"])
    for _ in range(40):
      what = r.randrange(4)
      if what == 0: n.flush()
      elif what == 1: n.pread(512, 0)
      else: n.pwrite(b"x" * 512, 512 * number, nbd.CMD_FLAG_FUA if what == 3 else 0)
    n.shutdown()
ts = [threading.Thread(target=client, args=(i,)) for i in range(6)]
for t in ts: t.start()
for t in ts: t.join()' serve --filter=multi-conn --filter=noparallel memory 1M serialize=requests multi-conn-mode=emulate \
  --run 'export uri; nbdsh -c "$CODE"'
if serve --filter=multi-conn eval get_size='echo 1M' pread='exit 1' multi-conn-mode=emulate --run 'nbdinfo "$uri"' >/dev/null 2>err; then fail 'no flush, but emulated'; fi
grep -q 'multi-conn-mode=emulate needs a plugin that can flush' err
refused 'multi-conn-mode: expected one of auto, emulate' --filter=multi-conn memory 1M multi-conn-mode=x
refused 'multi-conn-track-dirty' --filter=multi-conn memory 1M multi-conn-track-dirty=slow
refused 'bool' --filter=multi-conn memory 1M multi-conn-exportname=x
