#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What a client sees of an export, as text: two servers with the same plugin
must give the same text.

usage: probe.py URI [--write] [--store] [--expect FILE] [--no-data] [--head] [--no-cache]
                [--aligned] [--no-extents]

Always: the size, the abilities, the block sizes, the list of exports, every byte
(its digest), every extent, a pread at the odd places. --write sends writes,
zeroes, trims and flushes from a fixed seed, with the flags that the server
offers, and says what became of each. --store also holds what is read against
what was written. --expect holds the bytes, before writing, against a file.
--no-data leaves the digest out, where a disk has a clock or an identity in it;
--head reads the first 4 MiB alone; --no-cache sends no request to cache;
--aligned reads no odd places; --no-extents does not ask for extents.
"""
import argparse
import hashlib
import random
import sys

import nbd

PIECE = 1 << 20
HEAD = 4 << 20
BASE = "base:allocation"
ABILITIES = ("is_read_only can_flush can_fua can_trim can_zero can_fast_zero can_cache can_df "
             "can_multi_conn is_rotational").split()


def result(call):
    """The value of a request, or its error's name."""
    try:
        return call()
    except nbd.Error as e:
        return f"error {e.errno}"


def read_all(h, size):
    """(the bytes, with zeroes where they cannot be read; the pieces that cannot)"""
    disk, errors = bytearray(size), []
    for at in range(0, size, PIECE):
        count = min(PIECE, size - at)
        data = result(lambda: h.pread(count, at))
        if isinstance(data, (bytes, bytearray)):
            disk[at:at + count] = data
        else:
            errors.append(f"read {count} at {at}: {data}")
    return disk, errors


def read_odd(h, size, disk, seed):
    """Short reads that begin and end anywhere; what they give is in `disk`, if given."""
    rng = random.Random(seed)
    for _ in range(20):
        at = rng.randrange(size)
        count = min(size - at, rng.randrange(1, 5000))
        data = result(lambda: h.pread(count, at))
        if isinstance(data, str):
            print(f"read {count} at {at}: {data}")
        elif disk is not None and data != disk[at:at + count]:
            sys.exit(f"probe: {count} bytes at {at} are not what the long read gave")


def extents(h, size):
    """Contiguous, and merged: how the list is cut is up to the server."""
    found = []

    def add(_context, _offset, entries, _error):
        for length, kind in zip(entries[::2], entries[1::2]):
            if found and found[-1][1] == kind:
                found[-1][0] += length
            else:
                found.append([length, kind])

    at = 0
    while at < size:
        h.block_status(min(size - at, 1 << 30), at, add)
        reached = sum(length for length, _ in found)
        if reached <= at:
            sys.exit(f"probe: extents stand still at {at}")
        at = reached
    return [tuple(e) for e in found]


def requests(h, size, seed, caching):
    """Yields (words, call, at, what the range then holds or None)."""
    rng = random.Random(seed)
    fua = [0, nbd.CMD_FLAG_FUA] if h.can_fua() else [0]
    zero = [0, nbd.CMD_FLAG_NO_HOLE] + ([nbd.CMD_FLAG_FAST_ZERO] if h.can_fast_zero() else [])
    kinds = ["write"] * 3 + ["zero"] * 2 * h.can_zero() + ["trim"] * h.can_trim() + \
            ["flush"] * h.can_flush() + ["cache"] * (caching and h.can_cache())
    for _ in range(60):
        kind = rng.choice(kinds)
        at = rng.randrange(size)
        count = min(size - at, rng.randrange(1, 70000))
        flags = rng.choice(fua)
        data = rng.randbytes(count)
        if kind == "write":
            yield f"write {count} at {at} flags {flags}", lambda: h.pwrite(data, at, flags), at, data
        elif kind == "zero":
            flags |= rng.choice(zero)
            yield f"zero {count} at {at} flags {flags}", lambda: h.zero(count, at, flags), at, bytes(count)
        elif kind == "trim":
            yield f"trim {count} at {at} flags {flags}", lambda: h.trim(count, at, flags), at, None
            yield f"write {count} at {at} after it", lambda: h.pwrite(data, at), at, data
        elif kind == "cache":
            yield f"cache {count} at {at}", lambda: h.cache(count, at), at, b""
        else:
            yield "flush", h.flush, at, b""


def write(h, size, disk, store, caching):
    written = 0
    for words, call, at, then in requests(h, size, "a fixed seed", caching):
        answer = result(call)
        print(f"{words}: {'ok' if answer is None else answer}")
        if answer is None and then:
            disk[at:at + len(then)] = then
            written += len(then)
    now, errors = read_all(h, size)
    print("after writing:", hashlib.sha256(now).hexdigest(), *errors)
    if store and now != disk:
        wrong = next(i for i in range(size) if now[i] != disk[i])
        sys.exit(f"probe: byte {wrong} is {now[wrong]}, written was {disk[wrong]}")
    print(f"written: {written} bytes")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("uri")
    for flag in ("write", "store", "no-data", "head", "no-cache", "no-extents", "aligned"):
        parser.add_argument("--" + flag, action="store_true")
    parser.add_argument("--expect")
    args = parser.parse_args()

    h = nbd.NBD()
    h.add_meta_context(BASE)
    h.set_full_info(True)
    h.set_opt_mode(True)
    h.connect_uri(args.uri)
    print("exports:", result(lambda: h.opt_list(
        lambda name, description: print(f"export {name!r} {description!r}"))))
    h.opt_go()
    size = h.get_size()
    print("size:", size)
    print("protocol:", h.get_protocol(), "structured" if h.get_structured_replies_negotiated() else "")
    print("description:", result(h.get_export_description))
    for ability in ABILITIES:
        print(f"{ability}: {getattr(h, ability)()}")
    for name in ("MINIMUM", "PREFERRED", "MAXIMUM"):
        print(f"block {name}: {h.get_block_size(getattr(nbd, 'SIZE_' + name))}")

    if args.head:
        size = min(size, HEAD)
    disk, errors = read_all(h, size)
    for error in errors:
        print(error)
    print("read:", size if not errors else 0, "bytes")
    if not args.no_data:
        print("digest:", hashlib.sha256(disk).hexdigest())
    if args.expect:
        with open(args.expect, "rb") as file:
            if file.read() != disk:
                sys.exit(f"probe: the bytes are not those of {args.expect}")
    if size and not args.aligned:
        read_odd(h, size, None if errors or args.no_data else disk, "another")
    if size and h.can_meta_context(BASE) and not (args.no_data or args.no_extents):
        print("extents:", extents(h, size))
    if size and (args.write or args.store):
        if h.is_read_only():
            sys.exit("probe: the disk cannot be written")
        write(h, size, disk, args.store, not args.no_cache)
    h.shutdown()


main()
