# SPDX-License-Identifier: BSD-3-Clause
"""Two filters on top of each other, every two of them, over disks of odd sizes.

Random requests of one client are held against a model of the disk, and against what the
log filter sees arrive at the bottom:

bytes    what is read was written; trimmed bytes are as before, or zeroes; at the end a
         file at the bottom is what the filters make of it, or as before under cow
FUA      when the reply is there, all that the request wrote was written with FUA, or is
         flushed; after a flush, so is all that was ever written
zeroes   with NO_HOLE nothing trims; a fast zero is one at the bottom, or nothing, and one
         that may trim says so there
extents  say "zero" only of zeroes, where they begin and end; REQ_ONE gets one; a disk
         that was zeroed says so
shape    requests lie on the disk and are of the blocks that it takes; cow lets none pass
         that changes it
"""
import itertools, os, random, re, sys
import nbd

BLOCK = 4096
OFFSET = 9 * 512


class Filter:
    def __init__(self, name, *params, view=lambda disk: disk):
        self.name, self.view = name, view
        self.args = ["--filter=" + name.split("-")[0]]
        self.params = params


def swapped(disk):
    disk = disk[: len(disk) // 4 * 4]
    out = bytearray(len(disk))
    for i in range(4):
        out[i::4] = disk[3 - i :: 4]
    return bytes(out)


FILTERS = [
    Filter("blocksize", "minblock=4096", "maxdata=16384", "maxlen=32768",
           view=lambda disk: disk[: len(disk) // BLOCK * BLOCK]),
    Filter("cow", "cow-block-size=4096"),
    Filter("offset", "offset=%d" % OFFSET),
    Filter("swab", "swab-bits=32", view=swapped),
    Filter("fua-emulate", "fuamode=emulate"),
    Filter("fua-force", "fuamode=force"),
    Filter("nozero-emulate", "zeromode=emulate"),
    Filter("nozero-notrim", "zeromode=notrim"),
    Filter("nocache", "cachemode=emulate"),
    Filter("noextents"),
    Filter("protect", "protect=0-9"),
]


class Disk:
    """What is at the bottom. file: holds its bytes; blocks: (smallest, longest)."""

    def __init__(self, name, args, start, file=None, blocks=(1, 1 << 32)):
        self.name, self.args, self.start = name, args, start
        self.file, self.blocks = file, blocks


def disks(dir, r):
    odd = bytearray(300000 + 7)
    odd[65536:131072] = r.randbytes(65536)
    odd[200000:230001] = r.randbytes(30001)
    path = dir + "/disk"
    policy = ["--filter=blocksize-policy", "memory", str(410 * 512), "blocksize-minimum=512",
              "blocksize-preferred=4096", "blocksize-maximum=16384", "blocksize-error-policy=error"]
    yield Disk("file", ["file", path], bytes(odd), file=path)
    yield Disk("memory", ["memory", "234567"], bytes(234567))
    yield Disk("blocks", policy, bytes(410 * 512), blocks=(512, 16384))


class Wrong(Exception):
    pass


def must(true, *what):
    if not true:
        raise Wrong(" ".join(str(w) for w in what))


class Bottom:
    """The requests that the log filter writes down."""

    LINE = re.compile(r" (Write|Flush|Trim|Zero|Cache|Read|Extents) id=\d+ ?(.*)\.\.\.$")

    def __init__(self, path, disk):
        self.log, self.disk = open(path), disk
        self.dirty = set()  # written, and neither flushed nor with FUA

    def new(self):
        out = []
        for line in self.log:
            m = self.LINE.search(line)
            if m:
                fields = dict(f.split("=") for f in m[2].split())
                out.append((m[1], {k: int(v, 0) for k, v in fields.items()}))
        for n, (kind, f) in enumerate(out):
            if kind == "Flush":
                self.dirty.clear()
            elif kind in ("Write", "Zero", "Trim") and not f["fua"]:
                self.dirty.add((n, kind, f["offset"]))
            if kind != "Flush":
                self.check_shape(kind, f["offset"], f["count"])
        return out

    def check_shape(self, kind, offset, count):
        size, (smallest, longest) = len(self.disk.start), self.disk.blocks
        must(count > 0 and offset + count <= size, kind, "leaves the disk:", offset, count)
        must(offset % smallest == 0, kind, "begins within a block:", offset)
        must(count % smallest == 0 or offset + count == size, kind, "ends within a block:", count)
        must(kind not in ("Read", "Write") or count <= longest, kind, "is too long:", count)


class Run:
    def __init__(self, nbdkit, dir, upper, lower, disk, seed):
        self.disk, self.filters = disk, (upper, lower)
        self.r = random.Random(seed)
        self.names = [f.name for f in self.filters]
        self.views = {f.name: f.view for f in self.filters}
        if disk.file:
            with open(disk.file, "wb") as f:
                self.sparsely(f, disk.start)
        log = dir + "/log"
        params = [*upper.params, *lower.params]
        if "offset" in self.names:
            size = len(disk.start if lower.name == "offset" else lower.view(disk.start))
            # ends anywhere, unless what is below takes only blocks
            blocks = disk.blocks[0] > 1 or lower.name == "swab"
            length = size - OFFSET - (1536 if blocks else 1554)
            params.append("range=%d" % length)
            self.views["offset"] = lambda disk: disk[OFFSET : OFFSET + length]
        args = [*upper.args, *lower.args]
        bottom = disk.args[:]
        first = 1 if bottom[0].startswith("--filter") else 0
        args += bottom[:first] + ["--filter=log"] + bottom[first:] + params + ["logfile=" + log]
        self.h = nbd.NBD()
        self.h.add_meta_context(nbd.CONTEXT_BASE_ALLOCATION)
        self.h.set_strict_mode(0)
        self.h.connect_command([nbdkit, "-s", "--exit-with-parent", "-t", "4"] + args)
        self.bottom = Bottom(log, disk)
        self.model = bytearray(self.seen(disk.start))
        self.cow = "cow" in self.names

    def seen(self, bottom):
        """What the filters make of the bytes at the bottom."""
        for name in reversed(self.names):
            bottom = self.views[name](bottom)
        return bottom

    @staticmethod
    def sparsely(f, data):
        for at in range(0, len(data), BLOCK):
            if any(data[at : at + BLOCK]):
                f.seek(at)
                f.write(data[at : at + BLOCK])
        f.truncate(len(data))

    def run(self, requests):
        h = self.h
        self.size = h.get_size()
        must(self.size == len(self.model), "size", self.size, "instead of", len(self.model))
        self.block = max(1, h.get_block_size(nbd.SIZE_MINIMUM))
        self.longest = h.get_block_size(nbd.SIZE_MAXIMUM) or 1 << 20
        must(h.pread(self.size, 0) == self.model if self.size <= self.longest else True, "start")
        for i in range(requests):
            kind = self.r.choice([self.write, self.write, self.zero, self.zero, self.trim,
                                  self.read, self.read, self.flush, self.cache, self.extents])
            try:
                kind()
            except (Wrong, nbd.Error) as e:
                raise Wrong("request %d, %s: %s" % (i, kind.__name__, e))
        self.end()

    # ---- one request each

    def range(self, data=False):
        r, b = self.r, self.block
        at = r.randrange(self.size) // b * b
        n = r.choice([1, 2, 4, 511, 512, 4095, 4096, 4097, 12288, 40000, 100000])
        if r.randrange(2):
            at, n = at // BLOCK * BLOCK, (n + BLOCK - 1) // BLOCK * BLOCK
        n = min((n + b - 1) // b * b, self.size - at)
        if data:
            n = min(n, self.longest)
        # what is protected has a test of its own
        if "protect" in self.names:
            at = max(at, 3 * BLOCK)
            n = min(n, self.size - at)
        return n, at

    def fua(self):
        return self.r.choice([0, nbd.CMD_FLAG_FUA]) if self.h.can_fua() else 0

    def arrived(self, flags):
        """What the request made of itself at the bottom."""
        below = self.bottom.new()
        if self.cow:
            must(all(k in ("Read", "Cache", "Extents") for k, _ in below), "cow let pass:", below)
        elif flags & nbd.CMD_FLAG_FUA:
            dirty = False
            for kind, f in below:
                dirty = (dirty or (kind in ("Write", "Zero", "Trim") and not f["fua"])) and kind != "Flush"
            must(not dirty, "FUA is lost:", below)
        return below

    def read(self):
        n, at = self.range(data=True)
        self.same(n, at)

    def same(self, n, at):
        got = self.h.pread(n, at)
        if got != self.model[at : at + n]:
            first = next(i for i in range(n) if got[i] != self.model[at + i])
            raise Wrong("byte %d of read %d+%d" % (at + first, at, n))

    def pieces(self, n, at):
        for a in range(at, at + n, self.longest):
            yield min(self.longest, at + n - a), a

    def same_all(self, n, at):
        for count, a in self.pieces(n, at):
            self.same(count, a)

    def write(self):
        n, at = self.range(data=True)
        data, flags = self.r.randbytes(n), self.fua()
        self.h.pwrite(data, at, flags)
        self.model[at : at + n] = data
        below = self.arrived(flags)
        must(self.cow or any(k == "Write" for k, _ in below), "no write arrived")
        self.same(n, at)

    def zero(self):
        if not self.h.can_zero():
            return
        n, at = self.range()
        flags = self.fua() | self.r.choice([0, nbd.CMD_FLAG_NO_HOLE])
        fast = self.h.can_fast_zero() and self.r.randrange(3) == 0
        if fast:
            flags |= nbd.CMD_FLAG_FAST_ZERO
        try:
            self.h.zero(n, at, flags)
        except nbd.Error as e:
            must(fast and e.errno in ("ENOTSUP", "EOPNOTSUPP"), e)
            self.arrived(flags)
            self.same_or_zero(n, at)
            return
        self.model[at : at + n] = bytes(n)
        below = self.arrived(flags)
        zeroes = [f for k, f in below if k == "Zero"]
        if flags & nbd.CMD_FLAG_NO_HOLE:
            must(not any(f["trim"] for f in zeroes) and not any(k == "Trim" for k, _ in below),
                 "NO_HOLE is lost:", below)
        elif n >= 4 * BLOCK and not self.cow and not any("nozero" in x for x in self.names):
            must(zeroes and all(f["trim"] for f in zeroes), "it might have trimmed:", below)
        if "nozero-notrim" in self.names:
            must(not any(f["trim"] for f in zeroes), "notrim, but:", below)
        if fast:
            must(all(f["fast"] for f in zeroes) and not any(k == "Write" for k, _ in below),
                 "slow:", below)
        self.same_all(n, at)

    def trim(self):
        if not self.h.can_trim():
            return
        n, at = self.range()
        flags = self.fua()
        self.h.trim(n, at, flags)
        self.arrived(flags)
        self.same_or_zero(n, at)

    def same_or_zero(self, n, at):
        for count, a in self.pieces(n, at):
            got, old = self.h.pread(count, a), self.model[a : a + count]
            must(all(g == o or g == 0 for g, o in zip(got, old)), "neither as before nor zero:", n, at)
            self.model[a : a + count] = got

    def flush(self):
        if not self.h.can_flush():
            return
        self.h.flush()
        self.arrived(0)
        must(self.cow or not self.bottom.dirty, "not flushed:", self.bottom.dirty)

    def cache(self):
        if self.h.can_cache():
            self.h.cache(*self.range())
            self.arrived(0)

    def extents(self):
        n, at = self.range()
        flags = self.r.choice([0, nbd.CMD_FLAG_REQ_ONE])
        found = self.extents_of(n, at, flags)
        self.arrived(0)
        if flags:
            must(len(found) == 1 and found[0][0] <= n, "REQ_ONE:", found)

    def extents_of(self, n, at, flags=0):
        found = []

        def see(context, offset, entries, error):
            found.extend(zip(entries[::2], entries[1::2]))

        self.h.block_status(n, at, see, flags)
        must(found, "none")
        for length, kind in found:
            must(length > 0 and at + length <= self.size, "extent leaves the disk:", found)
            if kind & nbd.STATE_ZERO:
                must(not any(self.model[at : at + length]), "not zero:", length, at, found)
            at += length
        return found

    # ---- and at the end

    def end(self):
        self.same_all(self.size, 0)
        self.hole()
        if self.h.can_flush():
            self.flush()
        self.h.shutdown()
        if self.disk.file:
            with open(self.disk.file, "rb") as f:
                bottom = f.read()
            if self.cow:
                must(bottom == self.disk.start, "the disk under cow has changed")
            else:
                must(self.seen(bottom) == self.model, "the file is not what was written")

    def hole(self):
        """All of the disk is zeroed: so its extents say, where that can be known."""
        if not self.h.can_zero():
            return
        at = 0 if "protect" not in self.names else 3 * BLOCK
        self.h.zero(self.size - at, at)
        self.arrived(0)
        self.model[at:] = bytes(self.size - at)
        self.same_all(self.size - at, at)
        zero = 0
        pos = at
        while pos < self.size:
            for length, kind in self.extents_of(self.size - pos, pos):
                zero += length if kind & nbd.STATE_ZERO else 0
                pos += length
        names = self.names
        above = names[: names.index("cow")] if self.cow else names
        blind = "noextents" in above or any("nozero" in x for x in above)
        # A block at each end, of each filter and each piece, may be data that is zero,
        # and so may the pages that memory has.
        blocks = 4 + (self.size // 32768 if "blocksize" in names else 0)
        pages = 0 if self.disk.file else 2 * 32768
        must(blind or zero >= self.size - at - blocks * BLOCK - pages, "zeroes are not told:", zero, "of", self.size - at)


def main():
    nbdkit, dir = sys.argv[1:]
    seed = int(os.environ.get("SEED") or random.randrange(1 << 30))
    only = os.environ.get("PAIR")
    print("seed", seed, flush=True)
    count = bad = 0
    for disk in disks(dir, random.Random(seed)):
        for upper, lower in itertools.product(FILTERS, FILTERS):
            name = "%s/%s/%s" % (upper.name, lower.name, disk.name)
            one_kind = upper.args == lower.args
            # the same parameters would go to the upper one alone
            if (one_kind and upper.name != "cow") or (only and name != only):
                continue
            count += 1
            try:
                Run(nbdkit, dir, upper, lower, disk, "%d %s" % (seed, name)).run(40)
            except (Wrong, nbd.Error) as e:
                bad += 1
                print("FAIL SEED=%d PAIR=%s: %s" % (seed, name, str(e)[:600]), flush=True)
    must(count > 0, "no such pair:", only)
    print(count, "stacks,", bad, "wrong")
    sys.exit(1 if bad else 0)


main()
