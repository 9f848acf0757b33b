"""Writing so that a crash at any point loses nothing: temporary name, fsync, rename, fsync of the folder."""

import fcntl
import os
import shutil
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
    with atomic_write(path) as temporary:
        write_file(temporary, content)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or folder: it is renamed to `path` at the end, removed after an error."""
    temporary = temporary_beside(path)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        remove(temporary)
        raise
    sync_folder(path.parent)


def temporary_beside(path: Path) -> Path:
    """Return a name on the same file system that no reader looks at."""
    return path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")


def remove(path: Path) -> None:
    """Remove a file, or a folder as far as that is possible."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


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
