"""Reading a file that somebody else has written: a regular file of bounded size."""

import errno
import os
import stat
from pathlib import Path


def read_regular_file(path: Path, limit: int) -> bytes:
    """Return the content. Raises OSError if the file is not a regular one, or has more than `limit` bytes.

    Opening a FIFO without a writer would block, a device may be endless, and a sparse file may exceed the memory.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, f"expected a regular file, found a {_kind(status.st_mode)}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(min(status.st_size, limit) + 1) if status.st_size <= limit else b""
        if status.st_size > limit or len(content) > limit:  # it may have grown meanwhile
            size = max(status.st_size, len(content))
            raise OSError(errno.EFBIG, f"expected at most {limit} bytes, found {size}")
        return content
    finally:
        os.close(descriptor)


def _kind(mode: int) -> str:
    kinds = {stat.S_IFDIR: "directory", stat.S_IFIFO: "FIFO", stat.S_IFSOCK: "socket"}
    return kinds.get(stat.S_IFMT(mode), "device")
