"""Writing so that a crash at any point loses nothing: temporary name, fsync, rename, fsync of the folder."""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp-"
LOCK = ".lock"  # in the folder of a model: one process at a time changes the folder


def write_file(path: Path, content: bytes) -> None:
    """Write a new file down to the disk."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Write a file in the place of an old one: a reader sees the one or the other, whole."""
    temporary = temporary_beside(path)
    try:
        write_file(temporary, content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def temporary_beside(path: Path) -> Path:
    """Return a name on the same file system that no reader looks at."""
    return path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")


def sync_folder(folder: Path) -> None:
    """Make names that were written or renamed in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(file: Path, *, shared: bool = False, mode: int = 0o666) -> Iterator[None]:
    """Hold the lock of a file, alone or with others that share it; the lock goes when its holder dies."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
