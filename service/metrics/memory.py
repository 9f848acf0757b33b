"""The memory in which all processes of a server count: a file without a name, with a slot for each process.

Theory of operation
-------------------
The master creates the file before the first fork, so every worker inherits it. Without a name, no cleaner can remove
it, and no other server can use it; Linux keeps it in memory, so it needs no disk. Its parts:

    signature   of the format and the families of metrics
    table       a record for each slot: bytes used, process ID, whether counts are lost; and of a process that is a
                worker: the models it serves, whether it accepts connections, and how many it has
    slot 0      the series of one process (see `series`)
    slot 1      ...

A slot is in one of these states:

    free      no process has used it yet
    taken     its process holds the lock on its record, and is the only one that writes; others read at any time
    left      its process has died, and the kernel has released the lock; its counts remain

Invariants:

- A new process takes the first slot that is not taken, and continues the counts of the process that left it. So a
  counter never decreases, no count exists twice, and nothing is moved when a process dies, however it dies.
- What others read is changed by aligned stores of 8 bytes, so that it is old or new at any time, also if the process is
  killed. (`struct.pack_into` writes zeros first.)
- Space is written before it is mapped: if it runs out, a write fails, but an access to a mapped page kills the process.
- Locks are POSIX record locks. They belong to a process: a child does not inherit them, and closing any descriptor of
  the file releases them. Python's `mmap` has a copy of the descriptor, so mappings are kept.
- NPSERVE_METRICS_FD names the descriptor. It survives gunicorn's upgrade (SIGUSR2), which executes the program of the
  master again: the new one continues the counts, if it has the same families.
"""

import fcntl
import logging
import mmap
import os
import tempfile
import threading
import weakref
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import NamedTuple
from zlib import crc32

import numpy as np
import numpy.typing as npt

from service.metrics.families import FAMILIES

DESCRIPTOR_VARIABLE = "NPSERVE_METRICS_FD"
SIGNATURE = f"npserve metrics {crc32(repr(FAMILIES).encode()):08x}".encode()
SLOTS, SLOT_BYTES = 512, 2**26  # sparse: only what is used exists
RESERVED_BYTES = 2**16  # at a time
TABLE_BYTES = 2**16  # with the signature; a multiple of the page size of every platform
RECORD_BYTES = 64
USED, PROCESS, INCOMPLETE, READY, ACCEPTS, CONNECTIONS = range(6)  # the numbers of a record

log = logging.getLogger("npserve")
Words = npt.NDArray[np.uint64]
Values = npt.NDArray[np.float64]


class SlotImage(NamedTuple):
    """A copy of a slot: its process, whether that is alive and counts everything, and what it has written."""

    number: int
    process: int
    is_taken: bool
    is_incomplete: bool
    content: bytes


class Slot:
    """A part of the memory that this process may write."""

    def __init__(self, file: int, record: Words, memory: mmap.mmap, start: int) -> None:
        self._file, self.record, self._start = file, record, start
        self.memory = memory
        self.words: Words = np.frombuffer(memory, np.uint64)
        self._reserved = round_up(self.used, RESERVED_BYTES)

    @property
    def used(self) -> int:
        """The bytes that other processes read."""
        return int(self.record[USED])

    @property
    def content(self) -> bytes:
        """A copy of these bytes."""
        return self.memory[: self.used]

    def reserve(self, size: int) -> int:
        """Reserve bytes behind those that are used, and return their offset. Raises OSError if that fails."""
        while self._reserved < self.used + size:
            if self._reserved >= SLOT_BYTES:
                raise OSError(f"a process has at most {SLOT_BYTES} bytes for its metrics")
            os.pwrite(self._file, bytes(RESERVED_BYTES), self._start + self._reserved)
            self._reserved += RESERVED_BYTES
        return self.used

    def values(self, offset: int, length: int) -> Values:
        """Return numbers of the slot as an array."""
        return np.frombuffer(self.memory, np.float64, length, offset)

    def show(self, end: int) -> None:
        """Let other processes read up to `end`."""
        self.record[USED] = max(self.used, end)

    def note_lost(self) -> None:
        """Let other processes know that counts are lost."""
        self.record[INCOMPLETE] = 1


class SharedMemory:
    """The file, shared with all processes that are forked from the one that created it."""

    def __init__(self, file: int) -> None:
        self._file = file
        table = np.frombuffer(mmap.mmap(file, TABLE_BYTES), np.uint64)
        self._records = table.reshape(-1, RECORD_BYTES // 8)[1 : SLOTS + 1]
        self._mappings: dict[int, mmap.mmap] = {}  # of slots
        self._process, self._own = os.getpid(), set[int]()  # the slots that this process has taken
        self._locking = threading.Lock()  # because the threads of a process have its record locks together

    @classmethod
    def create(cls) -> "SharedMemory":
        """Create the file. Raises OSError if there is neither memory nor a temporary folder for it."""
        try:
            file = os.memfd_create("npserve-metrics")
        except (AttributeError, OSError):  # macOS has none
            with tempfile.TemporaryFile() as temporary:
                file = os.dup(temporary.fileno())
        try:
            os.pwrite(file, SIGNATURE.ljust(TABLE_BYTES, b"\0"), 0)
            created = cls(file)
        except OSError:
            os.close(file)
            raise
        weakref.finalize(created, os.close, file)
        return created

    @classmethod
    def find(cls) -> "SharedMemory | None":
        """Return the memory of the server that this process belongs to, or a new one; None if that fails."""
        with suppress(KeyError, ValueError, OSError, OverflowError):
            file = int(os.environ[DESCRIPTOR_VARIABLE])
            if os.pread(file, len(SIGNATURE), 0) == SIGNATURE:
                return _shared.get(inode := os.fstat(file).st_ino) or _shared.setdefault(inode, cls(file))
        try:
            return cls.create()
        except OSError as error:
            log.warning("metrics are lost: no memory is available: %s", error)
            return None

    def share(self, environment: MutableMapping[str, str]) -> None:
        """Let the children of this process find the memory, also those that execute another program."""
        _shared[os.fstat(self._file).st_ino] = self
        os.set_inheritable(self._file, True)
        environment[DESCRIPTOR_VARIABLE] = str(self._file)

    def take_slot(self) -> Slot:
        """Take a slot for this process. Raises OSError if there is none."""
        if self._process != os.getpid():
            self._process, self._own, self._locking = os.getpid(), set(), threading.Lock()
        with self._locking:
            for number in range(SLOTS):
                if number not in self._own and self._lock(number):
                    slot = self._slot(number)
                    self._own.add(number)
                    self._records[number, INCOMPLETE : CONNECTIONS + 1] = 0
                    self._records[number, PROCESS] = self._process
                    return slot
        raise OSError(f"{SLOTS} processes count already")

    @contextmanager
    def left_slots(self) -> Iterator[list[Slot]]:
        """Hold the slots that dead processes have left, to remove what is in them."""
        with self._locking:
            held = [number for number in self._used() if number not in self._own and self._lock(number)]
            try:
                yield [self._slot(number) for number in held]
            finally:
                for number in held:
                    self._unlock(number)

    def images(self) -> Iterator[SlotImage]:
        """Copy all slots that have been used."""
        for number in self._used():
            is_taken = number in self._own or self._is_taken(number)
            used, process, is_incomplete = self._records[number, :3].tolist()
            content = os.pread(self._file, used, _offset(number))
            yield SlotImage(number, process, is_taken, bool(is_incomplete), content)

    def records_of_others(self) -> list[Words]:
        """Return the records of the other processes that live."""
        return [self._records[number] for number in self._used() if number not in self._own and self._is_taken(number)]

    def _is_taken(self, number: int) -> bool:
        """Return whether another process has a slot."""
        with self._locking:
            is_taken = not self._lock(number, fcntl.LOCK_SH)
            if not is_taken:
                self._unlock(number)
        return is_taken

    def _used(self) -> list[int]:
        return [int(number) for number in np.flatnonzero(self._records[:, PROCESS])]

    def _slot(self, number: int) -> Slot:
        if number not in self._mappings:
            end = _offset(number + 1)
            if os.fstat(self._file).st_size < end:
                os.pwrite(self._file, b"\0", end - 1)  # unlike truncating, this never makes the file shorter
            self._mappings[number] = mmap.mmap(self._file, SLOT_BYTES, offset=_offset(number))
        return Slot(self._file, self._records[number], self._mappings[number], _offset(number))

    def _lock(self, number: int, kind: int = fcntl.LOCK_EX) -> bool:
        """Lock a slot, unless another process holds its lock."""
        try:
            fcntl.lockf(self._file, kind | fcntl.LOCK_NB, RECORD_BYTES, RECORD_BYTES * (number + 1))
        except OSError:
            return False
        return True

    def _unlock(self, number: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, RECORD_BYTES, RECORD_BYTES * (number + 1))


_shared: dict[int, SharedMemory] = {}  # by the number of the file; kept, as its mappings are


def round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _offset(number: int) -> int:
    return TABLE_BYTES + number * SLOT_BYTES
