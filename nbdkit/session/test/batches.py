#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""batches.py SOCKET read|write BATCHES: asks for 64 requests of 4 KiB with one
send, takes the 64 replies, and again, so that the server's batches do not depend
on anybody's speed."""
import socket
import struct
import sys

REQUESTS, LENGTH = 64, 4096


def receive(connection, count):
    data = bytearray()
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            sys.exit("the server hung up")
        data += part
    return data


path, kind, batches = sys.argv[1:]
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(60)
connection.connect(path)
receive(connection, 18)
connection.sendall(struct.pack(">IQII", 3, 0x49484156454F5054, 1, 0))  # EXPORT_NAME
receive(connection, 10)
command, payload = (0, b"") if kind == "read" else (1, b"x" * LENGTH)
requests = b"".join(
    struct.pack(">IHHQQI", 0x25609513, 0, command, cookie, cookie * LENGTH, LENGTH) + payload
    for cookie in range(REQUESTS))
size = 16 + (LENGTH if kind == "read" else 0)
for _ in range(int(batches)):
    connection.sendall(requests)
    for at in range(0, REQUESTS * size, size):
        magic, error, cookie = struct.unpack(">IIQ", receive(connection, size)[:16])
        if magic != 0x67446698 or error != 0 or cookie >= REQUESTS:
            sys.exit(f"a wrong reply: {magic:#x} {error} {cookie}")
connection.sendall(struct.pack(">IHHQQI", 0x25609513, 0, 2, 0, 0, 0))
