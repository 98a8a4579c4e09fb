#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Requests wait while it is paused and none is under way; they go on when it is resumed, and the
# original's answers come at the right moments. Who waits does not keep the server.
# shellcheck disable=SC2016  # expanded by the command of --run
set -euo pipefail
. "$SOURCE/filters/test-functions.sh"
needs nbdsh python3-libnbd
common='
import json, os, select, socket, time
s = socket.socket(socket.AF_UNIX); s.connect("p")
def say(c): s.sendall(c.encode())
def answer(n=1): return s.recv(n).decode()
def answered(): return bool(select.select([s], [], [], 0.2)[0])
def done(c):
  h.poll(0); return h.aio_command_completed(c)
def finish(c):
  while not h.aio_command_completed(c): h.poll(-1)
'
# The protocol, byte for byte; a newline is no command.
expect PPRRXXPR "$(CODE="$common"'
say("pprrqx\n"); out = ""
while len(out) < 6: out += answer(10)
say("p\n"); out += answer(); say("r\n"); out += answer()
assert not answered(); print(out)' serve --filter=pause memory 1M pause-control=p --run 'nbdsh -c "$CODE"')"
# Paused: P comes when the request under way is done, the next one waits, flush too.
CODE="$common"'
h.connect_uri(os.environ["uri"])
slow = h.aio_pread(nbd.Buffer(512), 0)
while not os.path.exists("reading"): h.poll(0); time.sleep(0.01)   # it is in the plugin
say("p")
assert not answered(), "P came while a request was under way"
open("go", "w").close()
assert answer() == "P"
finish(slow)
held = [h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(b"x")), 0), h.aio_flush()]
time.sleep(0.3)
assert not any(done(c) for c in held), "a request was done though paused"
assert not os.path.exists("written")
say("r"); assert answer() == "R"
for c in held: finish(c)
assert os.path.exists("written")
h.shutdown()' serve --filter=pause eval get_size='echo 1M' can_write='exit 0' can_flush='exit 0' flush='exit 0' \
  pread='>'"$dir"'/reading; until [ -e '"$dir"'/go ]; do sleep 0.02; done; dd if=/dev/zero bs=$3 count=1 2>/dev/null' \
  pwrite='cat >/dev/null; >'"$dir"'/written' pause-control=p --run 'export uri; nbdsh -c "$CODE"'
[ ! -e p ] || fail 'the socket is left'
# Through the control socket; one resumes what another has paused.
CODE="$common"'
h.connect_uri(os.environ["uri"])
t = socket.socket(socket.AF_UNIX); t.connect("control"); f = t.makefile("rw")
def ask(do):
  f.write(json.dumps({"filter": "pause", "do": do}) + "\n"); f.flush()
  a = json.loads(f.readline()); assert a["ok"], a
  return a
ask("pause")
c = h.aio_pread(nbd.Buffer(512), 0)
while ask("get")["waiting"] == 0: h.poll(0)
a = ask("get"); assert (a["paused"], a["under_way"]) == (True, 0), a
assert not done(c)
say("r"); assert answer() == "R"
finish(c)
assert ask("get")["paused"] is False
ask("pause"); ask("resume"); h.pread(512, 0)' serve --filter=pause memory 1M pause-control=p control=control \
  --run 'export uri; nbdsh -c "$CODE"'
# A client that leaves, and a server that ends, while a request waits.
for who in client server; do
  rm -f sock pid
  timeout 60 "$BUILD/bin/nbdkit" -f -U sock -P pid --filter=pause memory 1M pause-control=p 2>/dev/null &
  server=$!
  until [ -s pid ]; do sleep 0.05; done
  WHO=$who nbdsh -c "$common"'
import signal
h.connect_unix("sock")
say("p"); assert answer() == "P"
c = h.aio_pread(nbd.Buffer(512), 0)
while h.aio_is_connecting() or h.aio_get_direction() & nbd.AIO_DIRECTION_WRITE: h.poll(0)
time.sleep(0.2)
if os.environ["WHO"] == "server":
  os.kill(int(open("pid").read()), signal.SIGTERM)
  try: finish(c)
  except nbd.Error: pass'
  [ $who = server ] || kill $server
  wait $server || fail "a waiting request kept the server, after the $who had gone: $?"
done
# The thread model does not matter.
CODE="$common"'
h.connect_uri(os.environ["uri"])
for i in range(5):
  say("p"); assert answer() == "P"
  c = h.aio_pread(nbd.Buffer(512), 0)
  h.poll(50)
  assert not done(c)
  say("r"); assert answer() == "R"
  finish(c)' serve --filter=pause --filter=noparallel memory 1M pause-control=p --run 'export uri; nbdsh -c "$CODE"'
refused 'pause: give a socket' --filter=pause memory 1M
refused 'pause-control=' --filter=pause memory 1M pause-control=none/p
refused 'the path of a socket has at most' --filter=pause memory 1M "pause-control=$(printf 'x%.0s' {1..200})"
