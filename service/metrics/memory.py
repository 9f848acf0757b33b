"""The memory in which all processes of a server count: a file without a name, with a slot for each process.

Theory of operation
-------------------
The master creates the file before the first fork, so every worker inherits it. Without a name, no cleaner can remove
it, and no other server can use it; Linux keeps it in memory, so it needs no disk. Its parts:

    table     a record for each slot: bytes used, process ID, whether counts are lost
    slot 0    the series of one process (see `series`)
    slot 1    ...

A slot is in one of these states:

    free      no process has used it yet
    taken     its process holds the lock on its record, and is the only one that writes; others read at any time
    left      its process has died, and the kernel has released the lock; its counts remain

Invariants:

- A new process takes the first slot that is not taken, and continues the counts of the process that left it. So a
  counter never decreases, no count exists twice, and nothing is moved when a process dies, however it dies.
- There are as many used slots as there were processes at the same time.
- Space is written before it is mapped, because an access to a mapped page for which there is no space kills a process.
- Locks are POSIX record locks. They belong to a process: a child does not inherit them, and closing any descriptor of
  the file releases them. Python's `mmap` has a copy of the descriptor, so mappings are kept.
- NPSERVE_METRICS_FD names the descriptor. It survives gunicorn's upgrade (SIGUSR2), which executes the program of the
  master again: the new one continues the counts.
"""

import fcntl
import mmap
import os
import struct
import tempfile
import weakref
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

DESCRIPTOR_VARIABLE = "NPSERVE_METRICS_FD"
SIGNATURE = b"npserve metrics 1"
SLOTS, SLOT_BYTES = 128, 2**26  # sparse: only what is used exists
RESERVED_BYTES = 2**16  # at a time
RECORD = struct.Struct("<QQQ")  # bytes used, process ID, 1 if counts are lost
RECORD_BYTES = 64
TABLE_BYTES = 2**16  # a multiple of the page size of every platform

Values = npt.NDArray[np.float64]


class SlotImage(NamedTuple):
    """A copy of a slot: whether its process is alive, and what it has written."""

    number: int
    process: int
    is_taken: bool
    is_incomplete: bool
    content: bytes


class Slot:
    """The part of the memory that this process writes."""

    def __init__(self, file: int, table: mmap.mmap, memory: mmap.mmap, index: int) -> None:
        self._file, self._table, self.memory, self._index = file, table, memory, index
        self.used: int = RECORD.unpack_from(table, _record(index))[0]
        self._start = _slot(index)
        self._reserved = -(-self.used // RESERVED_BYTES) * RESERVED_BYTES
        self._is_incomplete = False
        self._write_record()

    def reserve(self, size: int) -> int:
        """Reserve bytes at the end, and return their offset. Raises OSError if there is no space for them."""
        offset, end = self.used, self.used + size
        while self._reserved < end:
            if self._reserved == SLOT_BYTES:
                raise OSError(f"a process may write {SLOT_BYTES} bytes")
            os.pwrite(self._file, bytes(RESERVED_BYTES), self._start + self._reserved)
            self._reserved += RESERVED_BYTES
        return offset

    def values(self, offset: int, length: int) -> Values:
        """Return numbers of the slot as an array."""
        return np.frombuffer(self.memory, np.float64, length, offset)

    def publish(self, end: int) -> None:
        """Show what was written up to `end` to the other processes."""
        self.used = max(self.used, end)
        self._write_record()

    def note_lost(self) -> None:
        """Show the other processes that counts are lost."""
        self._is_incomplete = True
        self._write_record()

    def _write_record(self) -> None:
        RECORD.pack_into(self._table, _record(self._index), self.used, os.getpid(), self._is_incomplete)


class SharedMemory:
    """The file, shared with all processes that are forked from the one that created it."""

    def __init__(self, file: int) -> None:
        self._file, self._table = file, mmap.mmap(file, TABLE_BYTES)
        self._mappings: dict[int, mmap.mmap] = {}  # of slots that this process has taken
        self._own: int | None = None

    @classmethod
    def create(cls) -> "SharedMemory":
        """Create the file. Raises OSError if there is neither memory nor a temporary folder for it."""
        try:
            file = os.memfd_create("npserve-metrics")
        except (AttributeError, OSError):  # macOS has none
            with tempfile.TemporaryFile() as temporary:
                file = os.dup(temporary.fileno())
        os.pwrite(file, SIGNATURE.ljust(TABLE_BYTES, b"\0"), 0)
        os.ftruncate(file, _slot(SLOTS))
        created = cls(file)
        weakref.finalize(created, os.close, file)
        return created

    @classmethod
    def find(cls) -> "SharedMemory | None":
        """Return the memory of the server that this process belongs to, or a new one; None if there is no space."""
        with suppress(KeyError, ValueError, OSError, OverflowError):
            file = int(os.environ[DESCRIPTOR_VARIABLE])
            if os.pread(file, len(SIGNATURE), 0) == SIGNATURE and os.fstat(file).st_size == _slot(SLOTS):
                return _shared.get(inode := os.fstat(file).st_ino) or _shared.setdefault(inode, cls(file))
        with suppress(OSError):
            return cls.create()
        return None

    def share(self, environment: MutableMapping[str, str]) -> None:
        """Let the children of this process find the memory, also those that execute another program."""
        _shared[os.fstat(self._file).st_ino] = self
        os.set_inheritable(self._file, True)
        environment[DESCRIPTOR_VARIABLE] = str(self._file)

    def take_slot(self) -> Slot:
        """Take a slot for this process. Raises OSError if all are taken."""
        for index in range(SLOTS):
            with suppress(OSError):
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, RECORD_BYTES, _record(index))
                self._own = index
                if index not in self._mappings:
                    self._mappings[index] = mmap.mmap(self._file, SLOT_BYTES, offset=_slot(index))
                return Slot(self._file, self._table, self._mappings[index], index)
        raise OSError(f"{SLOTS} processes count already")

    def images(self) -> Iterator[SlotImage]:
        """Copy all slots that have been used."""
        for index in range(SLOTS):
            used, process, is_incomplete = RECORD.unpack_from(self._table, _record(index))
            if process:
                is_taken = index == self._own or self._is_locked(index)
                content = os.pread(self._file, used, _slot(index))
                yield SlotImage(index, process, is_taken, bool(is_incomplete), content)

    def _is_locked(self, index: int) -> bool:
        """Return whether another process holds the lock of a slot."""
        try:
            fcntl.lockf(self._file, fcntl.LOCK_SH | fcntl.LOCK_NB, RECORD_BYTES, _record(index))
        except OSError:
            return True
        fcntl.lockf(self._file, fcntl.LOCK_UN, RECORD_BYTES, _record(index))
        return False


_shared: dict[int, SharedMemory] = {}  # by the number of the file; kept, as its mappings are


def _record(index: int) -> int:
    return RECORD_BYTES * (index + 1)


def _slot(index: int) -> int:
    return TABLE_BYTES + index * SLOT_BYTES
