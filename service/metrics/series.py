"""The series of one process: vectors of numbers in its slot of the shared memory.

Theory of operation
-------------------
A slot is a sequence of entries. An entry is one series: a counter or gauge (one number), a histogram (its buckets and
its sum). Its parts:

    header    bytes of the entry, USED or FREE, bytes of the key, CRC-32 of the key
    key       JSON: the name of the family, then the label values
    values    float64

Only the process of the slot writes. Others copy it at any time, without a lock: a number is written with one store, and
an entry is complete before it can be seen. A removed entry is FREE, and its place is used again for a series of the
same size, so that publishing version after version needs no more memory. A process that copies an entry at that moment
reads a key whose checksum differs, and skips it.
"""

import logging
import os
import struct
import threading
import weakref
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

import numpy as np
import orjson

from service.metrics.families import FAMILIES_BY_NAME, Family, Key
from service.metrics.memory import SharedMemory, Slot, Values

ENTRY_HEADER = struct.Struct("<IIII")
FREE, USED = 1, 2
ROUNDED_TO = 32  # bytes, so that versions 9 and 10 of a model need the same

log = logging.getLogger("npserve")


class Entry(NamedTuple):
    """One entry of a slot. The key is empty if the entry is free, or was changed while it was copied."""

    offset: int
    size: int
    key: bytes
    values_at: int  # offset
    length: int


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
        table = weakref.ref(self)
        os.register_at_fork(after_in_child=lambda: _restart(table()))

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
                    self._series[key] = series
        return series

    @property
    def is_private(self) -> bool:
        """Whether this process has no slot, so that nobody sees its series."""
        return self._slot is None

    def all_keys(self) -> list[Key]:
        return list(self._series)

    def remove(self, keys: Iterable[Key]) -> None:
        with self.lock:
            for key in keys:
                series = self._series.pop(key, None)
                if series is not None and series.entry and self._slot:
                    series.values = series.values.copy()  # whoever still counts does not write to the next series here
                    self._free(self._slot, series.entry)

    def _take_slot(self) -> None:
        """Take a slot for this process, and continue its counts.

        After a fork, the series of the parent are also those of the child, without their counts.
        """
        inherited, self._series = self._series, {}
        self.lock = threading.Lock()
        self._slot: Slot | None = None
        self._unused: dict[int, list[Entry]] = defaultdict(list)  # free entries by size
        self._is_incomplete = False
        left: dict[Key, Entry] = {}
        try:
            if self._memory is None:
                raise OSError("there is neither memory nor a temporary folder for them")
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
            self._series[key] = series

    def _read_left(self, slot: Slot) -> dict[Key, Entry]:
        """Return the series that an earlier process has left in a slot. Values that ended with it are removed."""
        left = {}
        for entry in entries(slot.memory[: slot.used]):
            key = tuple(orjson.loads(entry.key)) if entry.key else ("",)
            family = FAMILIES_BY_NAME.get(key[0])
            if family is None or family.is_live or entry.length < family.length:
                self._free(slot, entry)
            else:
                left[key] = entry
        return left

    def _place(self, series: Series, entry: Entry | None = None) -> None:
        """Let a series have its values in an entry, or zeros in a new one; private ones if there is no space."""
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
        values_in = ENTRY_HEADER.size + _round_up(len(key), 8)
        size = _round_up(values_in + 8 * length, ROUNDED_TO)
        unused = self._unused[size]
        offset = unused.pop().offset if unused else slot.reserve(size)
        end = offset + size
        slot.memory[offset:end] = ENTRY_HEADER.pack(size, FREE, len(key), crc32(key)).ljust(size, b"\0")
        slot.memory[offset + ENTRY_HEADER.size : offset + ENTRY_HEADER.size + len(key)] = key
        ENTRY_HEADER.pack_into(slot.memory, offset, size, USED, len(key), crc32(key))
        slot.publish(end)
        return Entry(offset, size, key, offset + values_in, length)

    def _free(self, slot: Slot, entry: Entry) -> None:
        ENTRY_HEADER.pack_into(slot.memory, entry.offset, entry.size, FREE, 0, 0)
        self._unused[entry.size].append(entry)

    def _lose(self, error: OSError) -> None:
        if not self._is_incomplete:
            log.error("metrics are lost, because there is no space for them: %s", error)
        self._is_incomplete = True
        if self._slot:
            self._slot.note_lost()


def _restart(table: SeriesTable | None) -> None:
    if table is not None:
        table._take_slot()


def entries(content: bytes) -> Iterator[Entry]:
    """Yield the entries of a copy of a slot."""
    offset = 0
    while offset + ENTRY_HEADER.size <= len(content):
        size, state, key_size, checksum = ENTRY_HEADER.unpack_from(content, offset)
        start = offset + ENTRY_HEADER.size
        values_at, end = start + _round_up(key_size, 8), offset + size
        if not values_at < end <= len(content):
            return  # damaged
        key = content[start : start + key_size]
        is_valid = state == USED and crc32(key) == checksum
        yield Entry(offset, size, key if is_valid else b"", values_at, (end - values_at) // 8)
        offset = end


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
