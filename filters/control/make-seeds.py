#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""make-seeds.py FOLDER: seeds for control-fuzz: each form of a command once."""
import os
import sys

SEEDS = [
    b'{"do":"help"}', b'{"filter":"rate","do":"set","rate":"10M"}', b'{"do":"set","rate":5,"id":[1,"x"]}',
    b'{"filter":"rate-2","do":"set","rate":1,"rule":{"op":["read","write"],"text":"a \\"b\\" c"}}',
    b'{"do":"set","rate":-1}', b'{"do":1}', b'{"do":"set","rate":null,"x":true}', b'[[[[[[1]]]]]]',
    b'{"do":"\\u00e9\\ud83d\\ude00"}', b'{"id":{"a":{"b":1.5e300}}}', b'nonsense', b'',
]


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for number, text in enumerate(SEEDS):
        with open(os.path.join(folder, f"line-{number}"), "wb") as out:
            out.write(text)


main()
