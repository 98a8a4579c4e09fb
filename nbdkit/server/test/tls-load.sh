#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A large disk through TLS and back, from several connections at the same time;
# and 64 clients at once.
. "${BASH_SOURCE%/*}/lib.sh"
. "$SOURCE/nbdkit/server/test/tls-lib.sh"
need nbdcopy libnbd-bin
need nbdsh python3-libnbd

size=1G
[[ -z ${SANITIZED-} ]] || size=128M  # where each byte is slow
make_psk alice keys.psk
uri="nbds+unix://alice@/?socket=$scratch/sock&tls-psk-file=$scratch/keys.psk"

echo "$size there and back"
# 8 MiB that repeat at no power of two, so that a block at a wrong place shows.
head -c 8388593 /dev/urandom >piece
truncate -s "$size" in.img
while cat piece 2>/dev/null; do :; done | head -c "$size" >in.img || true
start -U "$scratch/sock" --tls=require --tls-psk=keys.psk memory "$size"
nbdcopy in.img "$uri"
nbdcopy "$uri" - | cmp in.img -
stop; rm sock

echo "out of a file, whose pages take another way"
start -U "$scratch/sock" --tls=require --tls-psk=keys.psk file in.img
nbdcopy "$uri" - | cmp in.img -
/usr/bin/python3 - "$uri" <<'EOF'
import sys, nbd
h = nbd.NBD()
h.set_uri_allow_local_file(True)
h.connect_uri(sys.argv[1])
open("odd", "wb").write(h.pread(300001, 4097))
EOF
cmp -n 300001 odd <(tail -c +4098 in.img)
stop; rm sock in.img piece

echo "64 clients at once"
start -U "$scratch/sock" --tls=require --tls-psk=keys.psk memory 64M
cat >many.py <<'EOF'
import sys, nbd
clients = []
for i in range(64):
    h = nbd.NBD()
    h.set_uri_allow_local_file(True)
    h.connect_uri(sys.argv[1])
    assert h.get_tls_negotiated()
    clients.append(h)
block = lambda i: bytes([i + 1]) * (1 << 20)
for rounds in range(3):  # all of them have a write and a read under way
    buffers, cookies = [], []
    for i, h in enumerate(clients):
        cookies.append((h, h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(block(i))), i << 20)))
    for h, cookie in cookies:
        while not h.aio_command_completed(cookie): h.poll(-1)
    cookies = []
    for i, h in enumerate(clients):
        buffers.append(nbd.Buffer(1 << 20))
        cookies.append((h, h.aio_pread(buffers[i], i << 20)))
    for h, cookie in cookies:
        while not h.aio_command_completed(cookie): h.poll(-1)
    for i, buffer in enumerate(buffers):
        assert buffer.to_bytearray() == block(i), i
for i, h in enumerate(clients):  # half of them just go away
    if i % 2: h.shutdown()
    clients[i] = h = None
EOF
/usr/bin/python3 many.py "$uri" || fail "64 clients"
equal "size for the next one" 67108864 "$(nbdinfo --size "$uri")"
stop
