# A disk in memory, a copy of the file that file= names; bad= is a byte that
# cannot be read. For the Python plugin, API version 2.
import builtins
import errno

import nbdkit

API_VERSION = 2
disk = bytearray()
bad = -1


def thread_model():
    return nbdkit.THREAD_MODEL_PARALLEL


def config(key, value):
    global disk, bad
    if key == "file":
        with builtins.open(value, "rb") as file:
            disk = bytearray(file.read())
    elif key == "bad":
        bad = nbdkit.parse_size(value)
    else:
        raise RuntimeError("unknown parameter " + key)


def list_exports(readonly, is_tls):
    return [("", "a disk in Python"), "another"]


def default_export(readonly, is_tls):
    return ""


def open(readonly):
    return {"readonly": readonly}


def get_size(h):
    return len(disk)


def can_fua(h):
    return nbdkit.FUA_NATIVE


def can_cache(h):
    return nbdkit.CACHE_EMULATE


def can_fast_zero(h):
    return True


def block_size(h):
    return (1, 4096, 0xffffffff)


def pread(h, buf, offset, flags):
    if offset <= bad < offset + len(buf):
        nbdkit.set_error(errno.EPERM)
        raise RuntimeError("a bad byte")
    buf[:] = disk[offset:offset + len(buf)]


def pwrite(h, buf, offset, flags):
    disk[offset:offset + len(buf)] = buf


def flush(h, flags):
    pass


def zero(h, count, offset, flags):
    if flags & nbdkit.FLAG_FAST_ZERO:
        nbdkit.set_error(errno.EOPNOTSUPP)
        raise RuntimeError("not that fast")
    disk[offset:offset + count] = bytes(count)


def trim(h, count, offset, flags):
    disk[offset:offset + count] = bytes(count)


def extents(h, count, offset, flags):
    half = len(disk) // 2
    return [(0, half, 0), (half, len(disk) - half, nbdkit.EXTENT_ZERO)]
