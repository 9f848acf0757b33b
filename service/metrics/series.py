"""The series of one process: vectors of numbers in its slot of the shared memory.

Theory of operation
-------------------
A slot is a sequence of entries. An entry is one series: a counter or gauge (one number), or a histogram (its buckets
and its sum). Its parts, each a multiple of 8 bytes:

    size      of the entry, in bytes; it never changes
    state     0 if the entry is free; else the CRC-32 of the key and the bytes of the key
    key       JSON: the name of the family, then the label values
    values    float64

Only the process of the slot writes. Others copy it at any time, without a lock: an entry is complete before its state
is set, and the slot is shown up to its end only then. A removed entry is free, and its place is used again for a series
of the same size, so that publishing version after version needs no more memory. A process that copies an entry at that
moment reads a key whose checksum differs, and skips it. The entries of a slot whose process has died are removed by
another one, which holds the lock of the slot meanwhile.
"""

import logging
import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from typing import NamedTuple
from zlib import crc32

import numpy as np
import orjson

from service.metrics.families import FAMILIES_BY_NAME, Family, Group, Key, group
from service.metrics.memory import SharedMemory, Slot, Values, Words, round_up
from service.process.forks import call_after_fork

HEADER_BYTES = 16
ROUNDED_TO = 32  # bytes, so that versions 9 and 10 of a model need the same

log = logging.getLogger("npserve")


class Entry(NamedTuple):
    """One entry of a slot: offsets, and the key, which is empty if the entry is free or was changed meanwhile."""

    offset: int
    size: int
    key: bytes
    values_at: int


class Series:
    """One series of this process. It remains usable after its removal, but is not shown any more."""

    __slots__ = ("entry", "family", "key", "table", "values")

    def __init__(self, table: "SeriesTable", family: Family, key: Key) -> None:
        self.table, self.family, self.key = table, family, key
        self.entry: Entry | None = None
        self.values: Values = np.zeros(0)

    def add(self, amount: float) -> None:
        with self.table.lock:
            self.values[0] += amount

    def set(self, value: float) -> None:
        with self.table.lock:
            self.values[0] = value

    def observe(self, observations: Sequence[float]) -> None:
        """Add observations to the buckets and the sum of a histogram."""
        bounds = self.family.buckets
        with self.table.lock:
            if len(observations) == 1:
                self.values[bisect_left(bounds, observations[0])] += 1
            else:
                counts = np.bincount(np.searchsorted(bounds, observations))
                self.values[: len(counts)] += counts
            self.values[len(bounds) + 1] += sum(observations)


class SeriesTable:
    """All series of this process, by key. Thread-safe.

    Where the memory has no space, a new series is private, and its counts are lost.
    """

    def __init__(self, memory: SharedMemory | None) -> None:
        self._memory = memory
        self._series: dict[Key, Series] = {}
        self._take_slot()
        call_after_fork(self._take_slot)

    def find(self, family: Family, *labels: str) -> Series:
        """Return the series of a family with these label values. It is created at its first use, with zeros."""
        key = (family.name, *labels)
        series = self._series.get(key)
        if series is None:
            with self.lock:
                series = self._series.get(key)
                if series is None:
                    series = Series(self, family, key)
                    self._place(series)
                    self._add(series)
        return series

    @property
    def record(self) -> Words | None:
        """The record of this process in the shared memory, if it has one."""
        return self._slot.record if self._slot else None

    @property
    def is_private(self) -> bool:
        """Whether this process has no slot, so that nobody sees its series."""
        return self._slot is None

    def groups(self, without: Set[Group] = frozenset()) -> set[Group]:
        """Return the models and versions that have series, without some."""
        with self.lock:
            return self._groups.keys() - without

    def remove(self, keys: Iterable[Key]) -> None:
        """Remove series of this process."""
        with self.lock:
            for key in keys:
                self._remove(key)

    def remove_groups(self, groups: Collection[Group]) -> None:
        """Remove all series of models and versions, those that dead processes have left too."""
        with self.lock:
            for removed in groups:
                for key in [*self._groups.get(removed, ())]:
                    self._remove(key)
        if self._memory:
            with self._memory.left_slots() as slots:
                for slot in slots:
                    for entry in entries(slot.content):
                        if entry.key and group(orjson.loads(entry.key)) in groups:
                            _free(slot, entry)

    def _add(self, series: Series) -> None:
        self._groups.setdefault(group(series.key), set()).add(series.key)
        self._series[series.key] = series

    def _remove(self, key: Key) -> None:
        series = self._series.pop(key, None)
        if series is None:
            return
        keys = self._groups[group(key)]
        keys.remove(key)
        if not keys:
            del self._groups[group(key)]
        if series.entry and self._slot:
            series.values = series.values.copy()  # a late count must not go to the series that takes its place
            self._reuse(self._slot, series.entry)

    def _take_slot(self) -> None:
        """Take a slot for this process, and continue its counts.

        After a fork, the series of the parent are also those of the child, without their counts.
        """
        inherited, self._series = self._series, {}
        self.lock = threading.Lock()
        self._groups: dict[Group, set[Key]] = {}
        self._unused: dict[int, list[Entry]] = defaultdict(list)  # free entries by size
        self._slot: Slot | None = None
        self._is_incomplete = False
        left: dict[Key, Entry] = {}
        try:
            if self._memory is not None:
                self._slot = self._memory.take_slot()
                left = self._read_left(self._slot)
        except OSError as error:
            self._lose(error)
        for key in {**inherited, **left}:
            series = inherited.get(key) or Series(self, FAMILIES_BY_NAME[key[0]], key)
            before = series.values
            self._place(series, left.get(key))
            if series.family.is_maximum and key in inherited:
                np.maximum(series.values, before, out=series.values)
            self._add(series)

    def _read_left(self, slot: Slot) -> dict[Key, Entry]:
        """Return the series that an earlier process has left in a slot. Values that ended with it are removed."""
        left = {}
        for entry in entries(slot.content):
            key: Key = tuple(orjson.loads(entry.key)) if entry.key else ()
            if key and not FAMILIES_BY_NAME[key[0]].is_live:
                left[key] = entry
            else:
                self._reuse(slot, entry)
        return left

    def _reuse(self, slot: Slot, entry: Entry) -> None:
        """Free an entry, for a later series of the same size."""
        _free(slot, entry)
        self._unused[entry.size].append(entry)

    def _place(self, series: Series, entry: Entry | None = None) -> None:
        """Put the values of a series into an entry, or into a new one with zeros. Without space they are private."""
        length = series.family.length
        try:
            if self._slot is not None:
                series.entry = entry or self._write(self._slot, orjson.dumps(series.key), length)
                series.values = self._slot.values(series.entry.values_at, length)
                return
        except OSError as error:
            self._lose(error)
        series.entry, series.values = None, np.zeros(length)

    def _write(self, slot: Slot, key: bytes, length: int) -> Entry:
        values_in = HEADER_BYTES + round_up(len(key), 8)
        size = round_up(values_in + 8 * length, ROUNDED_TO)
        unused = self._unused[size]
        offset = unused.pop().offset if unused else slot.reserve(size)
        key_at = offset + HEADER_BYTES
        slot.memory[key_at : offset + size] = key.ljust(size - HEADER_BYTES, b"\0")
        slot.words[offset // 8] = size
        slot.words[offset // 8 + 1] = crc32(key) << 32 | len(key)
        slot.show(offset + size)
        return Entry(offset, size, key, offset + values_in)

    def _lose(self, error: OSError) -> None:
        if not self._is_incomplete:
            log.warning("metrics are lost: no memory is available: %s", error)
        self._is_incomplete = True
        if self._slot:
            self._slot.note_lost()


def _free(slot: Slot, entry: Entry) -> None:
    slot.words[entry.offset // 8 + 1] = 0


def entries(content: bytes) -> Iterator[Entry]:
    """Yield the entries of a copy of a slot."""
    words: Words = np.frombuffer(content, np.uint64, len(content) // 8)
    offset = 0
    while offset < len(content):
        size, state = words[offset // 8 : offset // 8 + 2].tolist()
        if size % ROUNDED_TO or not 0 < size <= len(content) - offset:
            return  # damaged: this program does not write such a size
        key_at, key_size = offset + HEADER_BYTES, state & 0xFFFFFFFF
        key = content[key_at : key_at + key_size]
        is_valid = state and crc32(key) == state >> 32
        yield Entry(offset, size, key if is_valid else b"", key_at + round_up(key_size, 8))
        offset += size
