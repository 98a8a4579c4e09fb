#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A running stack is told what to do, by one socket for all its filters; who talks
# nonsense is told so, and nothing else happens.
# shellcheck disable=SC2016,SC1091,SC2154  # expanded by the command of --run; sourced
set -euo pipefail
. "$SOURCE/filters/faults/test-functions.sh"
stack() {
  local code=$1
  shift
  python_client "$code" --filter=error --filter=delay --filter=error memory 1M control=control "$@" 2>/dev/null
}

# ---- switch: a rule, a filter, all that can be switched
expect "EIO ok EIO ok EIO" "$(stack '
print(*reads(1), end=" "); done("off", filter="error", rule=1)
print(*reads(1), end=" "); done("on", filter="error", rule=1)
print(*reads(1), end=" "); done("off")
print(*reads(1), end=" "); done("on"); print(*reads(1))' error-rule=read)"
# ---- add, by text and in the form of a scenario; change; remove; count anew
expect "ENOSPC 1 EIO ok ok" "$(stack '
rule = done("add", filter="error", rule="read error=ENOSPC")["rule"]
print(*reads(1), rule, end=" ")
done("set", filter="error", rule=rule, error="EIO"); print(*reads(1), end=" ")
done("set", filter="error", rule=rule, probability=0); print(*reads(1), end=" ")
done("remove", filter="error", rule=rule); print(*reads(1))')"
expect "ok EIO ok EIO" "$(stack '
done("add", filter="error", rule={"op": ["read", "write"], "nth": 2, "text": "no \"luck\" today"})
print(*reads(3), end=" "); done("reset", filter="error"); reads(1); print(*reads(1))')"
# ---- a delay that was not there when the client connected holds up nobody else
expect "[1, 0]" "$(stack '
done("add", filter="delay", rule="read offset=0+1 delay=1s")
order = []
a, b = nbd.Buffer(512), nbd.Buffer(512)
h.aio_pread(a, 0, lambda e: order.append(0) or 1); h.aio_pread(b, 4096, lambda e: order.append(1) or 1)
while len(order) < 2: h.poll(-1)
print(order)')"
# ---- counters, the state, the seed
expect 'True 7 start [1, "read every=2", true, 3, 1]' "$(stack '
reads(3); a = done("list", filter="error"); r = a["rules"][0]
print(a["on"], a["seed"], a["state"], json.dumps([r[k] for k in ("rule", "text", "on", "matched", "fired")]))' \
  error-rule='read every=2' fault-seed=7)"
expect 'ok start broken EIO broken' "$(stack '
print(*reads(1), done("state", filter="error")["state"], end=" ")
a = done("state", state="broken")["answers"]; print(a[2]["state"], *reads(1), end=" ")
print(done("list", filter="delay")["state"])' error-rule='read state=broken')"
# ---- plain parameters are rules too
expect "ok EIO" "$(stack '
print(*reads(1), end=" "); done("set", filter="error", rule=1, probability="100%"); print(*reads(1))' error-rate=0.000001%)"
# ---- who is there
expect 'error delay error-2' "$(stack 'print(*[f["filter"] for f in ask("help")["filters"]])')"
expect 'True' "$(stack 'print(done("off", filter="error-2")["ok"])')"

# ---- nonsense
expect 'there is no rule 9
rule: at column 6: unknown word "evry", did you mean "every"?
rule: at column 6: "delay" is not for this filter
unknown filter "eror", did you mean "error"?
unknown command of error "crash"; known are: list, on, off, state, add, remove, reset, set
unknown argument of set "probabilty", did you mean "probability"?
"rule" is missing
error: there is no rule 9
ok' "$(stack '
for a in (ask("off", filter="error", rule=9), ask("add", filter="error", rule="read evry=2"),
          ask("add", filter="error", rule="read delay=1s"), ask("list", filter="eror"),
          ask("crash", filter="error"), ask("set", filter="error", rule=1, probabilty=1),
          ask("add", filter="error"), ask("off", rule=9)):
  print(a["error"].split("\n")[0] if not a["ok"] else a)
print(*reads(1))')"
python3 - >garbage <<'END'
import random, sys
print("seed", seed := random.randrange(10**9), file=sys.stderr)
random.seed(seed)
lines = [b"", b"p", b"{", b"[" * 60000, b'{"do":"list"}' * 2, b'{"do":"set","rule":{"a":{"b":{"c":1}}}}',
         b'{"do":"add","filter":"error","rule":"' + b"read " * 2000 + b'"}', b"\x00\xff\xfe",
         b'{"do":"add","filter":"error","rule":{"op":"read","error":"EIO"},"id":"\xc3\xa4"}',
         b'{"do":"\\u0000","id":null}', b'{"do":"state","state":""}', b"1e999", b'"\xed\xa0\x80"']
sys.stdout.buffer.write(b"\n".join(lines + [bytes(random.randrange(11, 256) for i in range(random.randrange(300)))
                                            for j in range(100)]) + b"\n")
END
expect '113 113 ok' "$(stack '
s = socket.socket(socket.AF_UNIX); s.connect("control")
data = open("garbage", "rb").read(); s.sendall(data); s.shutdown(socket.SHUT_WR)
answers = [json.loads(line) for line in s.makefile()]
print(data.count(b"\n"), len(answers), *["crashed" for a in answers if type(a["ok"]) != bool], end=" ")
done("off"); print(*reads(1))')"

# ---- several at once, one of whom never reads; the socket is private, and gone in the end
expect '80 0o600' "$(stack '
import threading
deaf = socket.socket(socket.AF_UNIX); deaf.connect("control"); deaf.settimeout(0.2)
try:
  while True: deaf.sendall(b"{\"do\":\"help\"}\n" * 100)
except socket.timeout: pass
answers = []
def talk():
  for i in range(10): answers.append(done("list"))
all = [threading.Thread(target=talk) for i in range(8)]
for t in all: t.start()
for t in all: t.join()
print(len(answers), oct(os.stat("control").st_mode & 0o777))')"
[ ! -e control ] || fail 'the socket is still there'
# All at the same time: requests of two clients, 16 in flight each, and four who change
# rules. (What matters here, sanitizers see.)
expect 'done' "$(python_client '
import threading
x = nbd.NBD(); x.connect_uri(os.environ["uri"]); over = False
def load(c):
  flying = [0]
  def landed(error): flying[0] -= 1; error.value = 0; return 1
  for i in range(1500):
    while flying[0] >= 16: c.poll(-1)
    flying[0] += 1
    buf, at = nbd.Buffer.from_bytearray(bytearray(4096)), i % 250 * 4096
    (c.aio_pread if i % 3 else c.aio_pwrite)(buf, at, landed)
    if i % 20 == 0: flying[0] += 1; c.aio_flush(landed)
  while flying[0]: c.poll(-1)
def meddle(n):
  while not over:
    rule = done("add", filter="error", rule="read every=%d error=EIO,ENOSPC set-state=s%d" % (n + 2, n))["rule"]
    done("set", filter="error", rule=rule, probability="50%", state="s1")
    done("off", filter="delay"); done("list"); done("on"); done("state", state="s%d" % n); done("reset")
    done("crash"); done("remove", filter="error", rule=rule)
loads = [threading.Thread(target=load, args=[c]) for c in (h, x)]
meddlers = [threading.Thread(target=meddle, args=[n]) for n in range(4)]
for t in loads + meddlers: t.start()
for t in loads: t.join()
over = True
for t in meddlers: t.join()
print("done")' --filter=error --filter=delay --filter=evil memory 1M control=control fault-log=log \
  error-rule='read offset=0-64K heals per=connection' delay-rule='read every=20 delay=uniform:0:2ms' \
  evil-volatile=true evil=cosmic-rays evil-probability=1e-6 evil-rule='read every=9 stale' \
  evil-rule='write every=7 torn' 2>err)"
python3 -c 'import json, sys; print(sum(1 for line in open("log") if json.loads(line)), "events")'
if grep -A30 Sanitizer err; then fail 'see above'; fi
# One that a killed server has left behind is no obstacle; one that is in use is.
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("control")'
expect ok "$(stack 'print(*reads(1))')"
touch control
refused 'cannot bind to the socket: Address already in use' --filter=error memory 1M control=control
rm control
refused 'there is control=' --filter=error memory 1M control=a control=b
refused 'No such file or directory' --filter=error memory 1M control=nowhere/control
# In the background, too.
nbdkit() { "$BUILD/bin/nbdkit" "$@"; }
nbdkit -P pid -U socket --filter=error memory 1M control=control
python3 -c "$(sed -n '/^def ask/,/^  return/p' <<<"$client" | sed '1i import json, socket')
print(ask('list')['ok'])" >out
expect True "$(cat out)"
kill "$(cat pid)"
while [ -e control ]; do sleep 0.1; done
