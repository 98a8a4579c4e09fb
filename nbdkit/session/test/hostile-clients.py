#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""hostile-clients.py SOCKET PID ATTACK COUNT: how much memory COUNT clients make the
server take, who all do the same and then nothing more. Prints the peak of its memory
in KiB, less what it had before, and stays until the end of its input. ATTACK:

  handshake  all but the last byte of an option of 64 KiB, with as much before it as is taken
  read       reads of 64 MiB, as many as are taken, and no reply is received
  write      the first half of a write of 64 MiB
"""
import socket
import struct
import sys
import time

LONGEST = 64 << 20


def memory(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith(field + ":"):
                return int(line.split()[1])
    raise SystemExit("the server is gone")


def receive(sock, count):
    while count > 0:
        got = len(sock.recv(count))
        if got == 0:
            raise SystemExit("the server hung up")
        count -= got


def client(path):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(path)
    receive(sock, 18)
    sock.sendall(struct.pack(">I", 3))
    return sock


def transmission(path):
    sock = client(path)
    sock.sendall(b"IHAVEOPT" + struct.pack(">II", 1, 0))
    receive(sock, 10)
    return sock


def send_what_is_taken(sock, data):
    """Gives up on a socket that has been full for a while."""
    sock.settimeout(0.2)
    view = memoryview(data)
    try:
        while view:
            view = view[sock.send(view):]
    except (socket.timeout, OSError):
        pass


def handshake(path):
    sock = client(path)
    size = 64 << 10
    option = b"IHAVEOPT" + struct.pack(">II", 99, size)
    send_what_is_taken(sock, (option + bytes(size)) * 4 + option + bytes(size - 1))
    return sock


def request(command, cookie):
    return struct.pack(">IHHQQI", 0x25609513, 0, command, cookie, 0, LONGEST)


def read(path):
    sock = transmission(path)
    send_what_is_taken(sock, b"".join(request(0, i) for i in range(16)))
    return sock


def write(path):
    sock = transmission(path)
    send_what_is_taken(sock, request(1, 0) + bytes(LONGEST // 2))
    return sock


def main():
    path, pid, attack, count = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    act = {"handshake": handshake, "read": read, "write": write}[attack]
    before = memory(pid, "VmRSS")
    clients = [act(path) for _ in range(count)]  # kept open
    still, last = 0, -1
    while still < 10:  # the server has done what it will
        time.sleep(0.1)
        now = memory(pid, "VmRSS")
        still = still + 1 if now == last else 0
        last = now
    print(memory(pid, "VmHWM") - before, flush=True)
    sys.stdin.read()
    del clients


main()
