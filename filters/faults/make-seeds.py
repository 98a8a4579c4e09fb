#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""make-seeds.py FOLDER: seeds for rule-fuzz: each word of the language once."""
import os
import sys

SEEDS = [
    "read every=3 offset=1M-2M connection=2 error=EIO:3,ENOSPC",
    "op=read,write nth=3,5-7,9- error=5 text='no luck' once",
    "write first=10 flags=fua,!no-hole length=4K-64K export=\"a b\" error=EPERM",
    "after=3 times=2 probability=10% bytes=1M-2M per=connection",
    "read offset=0+512,4K-,-1K heals time=5s- connection-time=-10s",
    "read from=2 to=9 state=bad set-state=good file=/x",
    "changes delay=uniform:10ms:50ms jitter=1ms", "flush delay=normal:50ms:10ms",
    "close,open delay=pareto:1ms:1.5", "flip=3", "torn=512 once=true", "torn error=EIO",
    "zero,trim lost", "misdirect=-4K", "misdirect", "stale", "lost-flush nth=2",
    "write pass set-state=written",
]


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for number, text in enumerate(SEEDS):
        with open(os.path.join(folder, f"rule-{number}"), "w", encoding="utf-8") as out:
            out.write(text)


main()
