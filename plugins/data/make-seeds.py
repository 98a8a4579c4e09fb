#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""make-seeds.py FOLDER: seeds for language-fuzz: each form of the language once."""
import os
import sys

SEEDS = [
    "0 1 0xff 010 'a'", '"text\\n\\x41\\0" * 4', "@512 1 @+16 2 @-8 3 @^4096 4", "( 1 2 ) * 3",
    "le16:0x1234 be32:5 le64:0xffffffffffffffff", "<file <( echo hi )", "$two * 2 $self",
    "(1 -> \\x \\x) @0x1f0 \\x", "( 0 1 )[1:] # comment\n", "(((((1)))))*2*3*4", '"$two" <$two',
]


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    for number, text in enumerate(SEEDS):
        with open(os.path.join(folder, f"form-{number}"), "w", encoding="utf-8") as out:
            out.write(text)


main()
