"""Crash-safe writing: write under a temporary name, fsync, rename, fsync the folder."""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".tmp-"
LOCK = ".lock"  # a file in the folder of a model; the process that holds its lock may change the folder


def write_file(path: Path, content: bytes) -> None:
    """Write a new file and flush it to disk."""
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, content: bytes) -> None:
    """Replace a file atomically: a reader sees either the old or the new content."""
    with atomic_write(path) as temporary:
        write_file(temporary, content)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a file or folder; rename it to `path` at the end, or remove it after an error."""
    temporary = temporary_beside(path)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        remove(temporary)
        raise
    sync_folder(path.parent)


def temporary_beside(path: Path) -> Path:
    """Return a temporary path in the same folder; readers ignore it."""
    return path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")


def remove(path: Path) -> None:
    """Remove a file, or as much of a folder as possible."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make created and renamed entries of a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(file: Path, *, shared: bool = False, mode: int = 0o666) -> Iterator[None]:
    """Hold an exclusive or shared lock on a file. The lock is released if the process dies."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
