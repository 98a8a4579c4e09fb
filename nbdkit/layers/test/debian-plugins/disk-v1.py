# A disk in memory, a copy of the file that file= names; bad= is a byte that
# cannot be read. For the Python plugin, API version 1.
import builtins
import errno

import nbdkit

disk = bytearray()
bad = -1


def config(key, value):
    global disk, bad
    if key == "file":
        with builtins.open(value, "rb") as file:
            disk = bytearray(file.read())
    else:
        bad = int(value)


def open(readonly):
    return 1


def get_size(h):
    return len(disk)


def pread(h, count, offset):
    if offset <= bad < offset + count:
        nbdkit.set_error(errno.ENOMEM)
        raise RuntimeError("a bad byte")
    return disk[offset:offset + count]


def pwrite(h, buf, offset):
    disk[offset:offset + len(buf)] = buf


def flush(h):
    pass


def zero(h, count, offset, may_trim):
    if not may_trim:
        nbdkit.set_error(errno.EOPNOTSUPP)
        raise RuntimeError("write them yourself")
    disk[offset:offset + count] = bytes(count)
