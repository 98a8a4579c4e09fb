#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# testkit proxy: nothing is lost without faults, at any place of the protocol; the trace, the
# counts, what cannot be understood, bad input.
# shellcheck source=nbdkit/server/test/lib.sh
. "$SOURCE/nbdkit/server/test/lib.sh"
need nbdcopy libnbd-bin
need nbdinfo libnbd-bin
need qemu-img qemu-utils
need jq jq
testkit=$BUILD/bin/testkit

# proxy ARGS...: one in front of $scratch/s, at $scratch/p
proxy() {
  rm -f said  # else the last one's words would be taken for this one's
  "$testkit" proxy --listen "nbd+unix:///?socket=$scratch/p" --to "nbd+unix:///?socket=$scratch/s" "$@" >said &
  proxy=$!; started+=("$proxy")
  until_true 20 grep -q '^proxy at' said
}
end_proxy() {
  kill -TERM "$proxy"
  local status=0; wait "$proxy" || status=$?
  equal "exit status of the proxy" 0 "$status"
  [[ ! -e p ]] || fail "the proxy left its socket"
}
uri="nbd+unix:///?socket=$scratch/p"

# Without faults, all goes through, whatever dialect they speak.
head -c 5M /dev/urandom >in
for options in '' --no-sr --mask-handshake=0 --oldstyle; do
  rm -f s out
  # shellcheck disable=SC2086
  start -U "$scratch/s" $options memory 5M
  proxy --trace "$scratch/trace"
  nbdcopy in "$uri" && nbdcopy "$uri" out
  cmp in out || fail "with \"$options\": other bytes"
  qemu-img compare -f raw -F raw in "$uri" >/dev/null || fail "with \"$options\": qemu-img sees other bytes"
  nbdinfo "$uri" >/dev/null
  end_proxy; stop
  # Both sides were understood to the end, line by line.
  jq -e -s 'all(has("ms") and has("connection") and has("text"))' trace >/dev/null || fail "trace: $(head trace)"
  ! grep -q 'not understood' trace || fail "with \"$options\": $(grep 'not understood' trace)"
  equal "writes in the trace, with \"$options\"" $((5 << 20)) \
    "$(jq -s '[.[] | select(.at == "request" and (.command == "NBD_CMD_WRITE")) | .length] | add' trace)"
done

# Faults of a file; counts; the same seed, the same faults.
cat >faults.json <<'END'
[ { "at": "reply", "command": "read", "probability": "20%", "do": "fail", "with": "EIO" },
  { "at": "reply", "command": "trim", "do": "drop" } ]
END
rm -f s
start -U "$scratch/s" pattern 1M
for turn in 1 2; do
  proxy --faults faults.json --seed 7 --trace "$scratch/trace"
  PATH=/usr/bin:$PATH nbdsh -u "$uri" -c '
for i in range(100):
    try: h.pread(512, 512 * i)
    except nbd.Error: print(i)' >failed.$turn
  end_proxy
  grep -q "fault 1, fail at reply: fired $(wc -l <failed.$turn) times" said || fail "counts: $(cat said)"
  grep -q 'fault 2, drop at reply: fired 0 times' said || fail "counts: $(cat said)"
done
cmp failed.1 failed.2 || fail "the same seed, other faults"
count=$(wc -l <failed.1)
((count > 0 && count < 60)) || fail "20%: $count of 100"

# Who does not speak NBD is passed on.
proxy --trace "$scratch/trace"
/usr/bin/python3 - "$scratch/p" <<'END'
import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])
s.recv(18); s.sendall(b"\0\0\0\3" + b"GET / HTTP/1.0\r\n\r\n" * 10); s.shutdown(socket.SHUT_WR)
while s.recv(4096): pass
END
grep -q '180 bytes of the client that are not understood' trace || fail "rubbish: $(cat trace)"
equal "a client after it" 1048576 "$(nbdinfo --size "$uri")"
end_proxy; stop

# A server that is not there.
rm -f s
proxy --trace "$scratch/trace"
! nbdinfo "$uri" >/dev/null 2>&1 || fail "there is no server"
grep -q 'No such file' trace || fail "no word of the server that is not there: $(cat trace)"
end_proxy

# Bad input: one line, status 2.
wrong() { # wrong WORDS JSON
  echo "$2" >bad.json
  local status=0
  timeout 20 "$testkit" proxy --listen "$uri" --to "$uri" --faults bad.json >out 2>err || status=$?
  equal "status with $2" 2 "$status"
  grep -qF -- "$1" err || fail "$2: no \"$1\" in: $(cat err)"
}
wrong 'expected one of "connection"' '[{"at": "nowhere", "do": "drop"}]'
wrong '/0/do' '[{"at": "reply", "do": "explode"}]'
wrong '"fail" is for "reply", not for "request"' '[{"at": "request", "do": "fail", "with": "EIO"}]'
wrong 'has no field "colour"' '[{"at": "reply", "do": "set", "fields": {"colour": 1}}]'
wrong 'unknown key "nht"' '[{"at": "reply", "nht": 1, "do": "drop"}]'
wrong 'an errno such as "EIO"' '[{"at": "reply", "do": "fail", "with": "EWRONG"}]'
wrong 'bytes in hexadecimal' '[{"at": "reply", "do": "insert", "bytes": "xyz"}]'
