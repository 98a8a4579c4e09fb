#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""make-seeds.py FOLDER: seeds for connection-fuzz and wire-fuzz: connections that get
through the handshake in every way and send each command; and what once went wrong."""
import os
import struct
import sys

OLDSTYLE, NO_SR, READ_ONLY, WORKERS, TLS_REQUIRED = 1, 2, 4, 8, 16
READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZEROES, STATUS = range(8)
FUA, NO_HOLE, DF, REQ_ONE, FAST_ZERO, PAYLOAD = (1 << i for i in range(6))
BASE = b"base:allocation"


def option(number, data=b""):
    return b"IHAVEOPT" + struct.pack(">II", number, len(data)) + data


def string(text):
    return struct.pack(">I", len(text)) + text


def info(number, name=b"", wanted=(0, 1, 2, 3)):
    words = b"".join(struct.pack(">H", w) for w in wanted)
    return option(number, string(name) + struct.pack(">H", len(wanted)) + words)


def contexts(number, queries, name=b""):
    return option(number, string(name) + struct.pack(">I", len(queries)) +
                  b"".join(string(q) for q in queries))


def compact(command, offset=0, length=512, flags=0, payload=b""):
    return struct.pack(">IHHQQI", 0x25609513, flags, command, 7, offset, length) + payload


def extended(command, offset=0, length=512, flags=0, payload=b""):
    if payload:
        flags |= PAYLOAD
        length = len(payload)
    return struct.pack(">IHHQQQ", 0x21E41C71, flags, command, 7, offset, length) + payload


def commands(make):
    return [
        make(READ), make(READ, 4096, 65536), make(READ, 0, 1 << 20, DF), make(READ, 1, 0x50000),
        make(WRITE, 512, 512, FUA, b"w" * 512), make(WRITE, 0, 512, 0, b"x" * 512),
        make(WRITE, 1 << 20, 64, 0, b"y" * 64), make(FLUSH, 0, 0), make(TRIM, 0, 65536, FUA),
        make(CACHE, 0, 4096), make(ZEROES, 0, 65536), make(ZEROES, 0, 8192, NO_HOLE | FAST_ZERO),
        make(STATUS, 0, 1 << 20), make(STATUS, 0, 4096, REQ_ONE), make(99), make(READ, 1 << 40),
        make(READ, 0, 0), make(READ, (1 << 64) - 1, 2),
    ]


FLAGS = struct.pack(">I", 3)
STYLES = {"simple": b"", "structured": option(8), "extended": option(11)}


def seeds():
    for style, ask in STYLES.items():
        make = extended if style == "extended" else compact
        everything = b"".join(commands(make))
        if style == "extended":
            ids = struct.pack(">QI", 4096, 1)
            everything += make(STATUS, 0, 0, 0, ids) + make(READ, 0, 0, 0, b"payload")
        for name, mode in {"in-place": 0, "workers": WORKERS, "read-only": READ_ONLY,
                           "no-sr": NO_SR}.items():
            head = bytes([mode, 0]) + FLAGS + ask + contexts(10, [BASE])
            yield f"{style}-{name}", head + info(7) + everything + make(DISC)
            yield f"{style}-{name}-in-drips", bytes([mode, 13]) + head[2:] + info(7) + everything
        for n, one in enumerate(commands(make)):
            yield f"{style}-command-{n}", bytes([0, 0]) + FLAGS + ask + info(7) + one
    yield "export-name", bytes([0, 0]) + FLAGS + option(1) + compact(READ)
    yield "not-fixed", bytes([0, 0]) + struct.pack(">I", 0) + option(1) + compact(READ)
    yield "oldstyle", bytes([OLDSTYLE, 0]) + b"".join(commands(compact))
    yield "oldstyle-workers", bytes([OLDSTYLE | WORKERS, 0]) + b"".join(commands(compact))
    yield "options", bytes([0, 0]) + FLAGS + (
        option(3) + option(5) + option(4) + info(6) + info(6, b"x" * 300) + option(8) + option(8) +
        contexts(9, []) + contexts(9, [b"base:", BASE, b"qemu:dirty-bitmap:x"]) +
        contexts(10, [BASE] * 20) + contexts(10, []) + option(11) + option(8) + option(99, b"data") +
        option(3, b"x") + option(2))
    yield "tls-required", bytes([TLS_REQUIRED, 0]) + FLAGS + option(3) + option(5) + info(7)
    yield "option-too-long", bytes([0, 0]) + FLAGS + option(7, b"z" * 70000) + option(1)
    long_write = compact(WRITE, 0, 300000, 0, b"l" * 300000)
    for name, mode in {"in-place": 0, "workers": WORKERS}.items():
        head = bytes([mode, 0]) + FLAGS + option(1)
        yield f"long-write-{name}", head + long_write + compact(READ, 0, 400000)
        yield f"half-a-write-{name}", head + long_write[:1000]
        yield f"refused-write-{name}", head + compact(WRITE, 1 << 21, 300000, 0, b"r" * 300000)


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for name, data in seeds():
        with open(os.path.join(folder, name), "wb") as out:
            out.write(data)


main()
