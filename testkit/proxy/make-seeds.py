#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""make-seeds.py FOLDER: seeds for conversation-fuzz: each kind of handshake, then each request
with its reply, whole and with a piece missing."""
import os
import struct
import sys

SERVER, CLIENT = 0, 1


def said(side, data):
    out = b""
    for at in range(0, len(data), 100):
        piece = data[at:at + 100]
        out += bytes([len(piece) << 1 | side]) + piece
    return out


def option(number, data=b""):
    return said(CLIENT, b"IHAVEOPT" + struct.pack(">II", number, len(data)) + data)


def answer(number, kind, data=b""):
    return said(SERVER, struct.pack(">QIII", 0x3e889045565a9, number, kind, len(data)) + data)


def request(command, cookie, offset, length, payload=b""):
    return said(CLIENT, struct.pack(">IHHQQI", 0x25609513, 0, command, cookie, offset, length) + payload)


def extended(command, cookie, offset, length):
    return said(CLIENT, struct.pack(">IHHQQQ", 0x21e41c71, 0, command, cookie, offset, length))


def simple(cookie, error=0, data=b""):
    return said(SERVER, struct.pack(">IIQ", 0x67446698, error, cookie) + data)


def chunk(kind, cookie, data, flags=1):
    return said(SERVER, struct.pack(">IHHQI", 0x668e33ef, flags, kind, cookie, len(data)) + data)


def extended_chunk(kind, cookie, offset, data):
    return said(SERVER, struct.pack(">IHHQQQ", 0x6e8a278c, 1, kind, cookie, offset, len(data)) + data)


GREETING = said(SERVER, b"NBDMAGICIHAVEOPT\0\3")
FLAGS = said(CLIENT, struct.pack(">I", 3))
INFO = struct.pack(">HQH", 0, 1 << 20, 0xff)
GO = option(7, bytes(6)) + answer(7, 3, INFO) + answer(7, 1)
STRUCTURED = option(8) + answer(8, 1)
CONTEXT = option(10, struct.pack(">III", 0, 1, 15) + b"base:allocation") + \
    answer(10, 4, struct.pack(">I", 1) + b"base:allocation") + answer(10, 1)
REQUESTS = request(0, 1, 4096, 16) + simple(1, 0, bytes(16)) + request(1, 2, 0, 16, bytes(16)) + \
    simple(2) + request(3, 3, 0, 0) + simple(3, 5) + request(2, 4, 0, 0)

SEEDS = {
    "oldstyle": said(SERVER, b"NBDMAGIC" + struct.pack(">QQI", 0x420281861253, 1 << 20, 1) + bytes(124)) + REQUESTS,
    "export-name": GREETING + FLAGS + option(1) + said(SERVER, struct.pack(">QH", 1 << 20, 1)) + REQUESTS,
    "refused": GREETING + FLAGS + option(8) + answer(8, 0x80000001, b"no") + option(3) +
    answer(3, 2, struct.pack(">I", 1) + b"a") + answer(3, 1) + option(2) + answer(2, 1),
    "simple": GREETING + FLAGS + GO + REQUESTS,
    "structured": GREETING + FLAGS + STRUCTURED + CONTEXT + GO + request(0, 1, 4096, 1000) +
    chunk(1, 1, struct.pack(">Q", 4096) + bytes(500), 0) + chunk(2, 1, struct.pack(">QI", 4596, 500)) +
    request(7, 2, 0, 65536) + chunk(5, 2, struct.pack(">III", 1, 65536, 3)) +
    request(0, 3, 0, 512) + chunk(0x8001, 3, struct.pack(">IH", 5, 2) + b"no"),
    "extended": GREETING + FLAGS + option(11) + answer(11, 1) + CONTEXT + GO + extended(0, 1, 0, 64) +
    extended_chunk(1, 1, 0, struct.pack(">Q", 0) + bytes(64)) + extended(7, 2, 0, 1 << 33) +
    extended_chunk(6, 2, 0, struct.pack(">IIQQ", 1, 1, 1 << 33, 3)) + extended(3, 3, 0, 0) + extended_chunk(0, 3, 0, b""),
    "tls": GREETING + FLAGS + option(5) + answer(5, 1) + said(CLIENT, b"\x16\3\1\0\5hello") +
    said(SERVER, b"\x16\3\3\0\5hello") + said(CLIENT, b"\x17\3\3\0\3abc"),
    # Every second message of a kind is changed by all rules, one after another.
    "many": GREETING + FLAGS + STRUCTURED + GO + b"".join(
        request(0, i, 0, 64) + chunk(1, i, bytes(8 + 64)) for i in range(8)),
    "many-simple": GREETING + FLAGS + GO + b"".join(
        request(0, i, 0, 64) + simple(i, 0, bytes(64)) for i in range(8)),
    "rubbish": said(SERVER, b"SSH-2.0-OpenSSH") + said(CLIENT, b"GET / HTTP/1.0\r\n\r\n"),
}


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, data in SEEDS.items():
        for suffix, content in (("", data), ("-cut", data[:-7]), ("-hole", data[:40] + data[47:])):
            with open(os.path.join(folder, name + suffix), "wb") as out:
                out.write(content)


main()
