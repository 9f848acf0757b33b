"""A named tensor of the Open Inference Protocol, whose elements are in JSON or in binary.

Numbers are validated with set operations and converted by NumPy, never one by one in Python.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from nn.columns import Cell
from nn.numbers import NUMBERS
from service.errors import BadRequest
from service.protocols.rows import json_kind

# Little-endian on every machine.
INTEGERS = {f"{u}INT{8 * size}": np.dtype(f"<{u or 'i'}{size}".lower()) for u in ("", "U") for size in (1, 2, 4, 8)}
FLOATS = {f"FP{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)}
BF16, BOOL, BYTES = "BF16", "BOOL", "BYTES"
NUMERIC_DATATYPES = frozenset([*INTEGERS, *FLOATS, BF16])
PACKED = INTEGERS | FLOATS | {BF16: np.dtype("<u2"), BOOL: np.dtype("u1")}  # the types of binary data
ELEMENT_LENGTH = struct.Struct("<I")  # precedes each element of BYTES
MAX_SHOWN = 100


@dataclass(slots=True)
class Tensor:
    """Elements (N,) in row-major order: a list or array in `data`, flat or nested like `shape`, or bytes in `raw`."""

    name: str
    datatype: str
    shape: list[int]
    data: Any = None
    size: int = 0  # of `raw`
    raw: memoryview | None = None

    def numbers(self) -> npt.NDArray[Any]:
        """Return the elements (N,) of any datatype but BYTES; null is NaN. Raises BadRequest."""
        if isinstance(self.data, np.ndarray):  # read by fast_json
            if self.data.shape not in (tuple(self.shape), (math.prod(self.shape),)):
                raise self._shape_error()
            return self.data.ravel()
        return self._listed_numbers() if self.raw is None else self._packed_numbers(self.raw)

    def cells(self) -> list[Cell]:
        """Return the elements (N,) as JSON values of the native protocol; NaN is None. Raises BadRequest."""
        if self.datatype == BYTES:
            return self._listed({str}, "a string") if self.raw is None else self._packed_texts(self.raw)
        numbers = self.numbers()
        if self.raw is None:
            return self._flat()
        if numbers.dtype.kind == "f" and numbers.dtype.itemsize < 8:
            # The shortest decimals that round-trip: 0.1 is 0.1 in any precision.
            numbers = numbers.astype(np.str_).astype(np.float64)
        return [None if number != number else number for number in numbers.tolist()]

    def element_error(self, element: int, expected: str, got: str) -> BadRequest:
        """Return an error with the location of an element."""
        row, column = divmod(element, math.prod(self.shape[1:]))
        location = f"row {row}, column {column}" if self.shape[1:] not in ([], [1]) else f"row {row}"
        return BadRequest(f"input {quote(self.name)}, {location}: expected {expected}, got {got}")

    # JSON

    def _flat(self) -> list[Any]:
        nested = type(self.data) is list and self.data and type(self.data[0]) is list
        level = [self.data]
        for size in self.shape if nested else [math.prod(self.shape)]:
            if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
                raise self._shape_error()
            level = level[0] if len(level) == 1 else [*chain.from_iterable(level)]
        return level

    def _shape_error(self) -> BadRequest:
        return BadRequest(f"the data of input {quote(self.name)} do not match its shape {show(self.shape)}")

    def _listed(self, kinds: set[type], expected: str) -> list[Any]:
        """Return the elements, each of one of these types or null. Raises BadRequest."""
        flat = self._flat()
        if wrong := set(map(type, flat)) - kinds - {type(None)}:
            first = next(i for i, cell in enumerate(flat) if type(cell) in wrong)
            raise self.element_error(first, expected, json_kind(flat[first]))
        return flat

    def _listed_numbers(self) -> npt.NDArray[Any]:
        if self.datatype in INTEGERS:
            flat = self._listed({int}, "an integer")
            self._check_range(flat)
        elif self.datatype == BOOL:
            flat = self._listed({bool}, "true or false")
        else:
            flat = self._listed(NUMBERS, "a number")
        with np.errstate(over="ignore"):  # numbers beyond the range of the datatype become infinite, as in binary
            return np.array(flat, FLOATS.get(self.datatype, np.float64))  # None becomes NaN

    def _check_range(self, flat: list[Any]) -> None:
        limits = np.iinfo(INTEGERS[self.datatype])
        low, high = int(limits.min), int(limits.max)
        given = [number for number in flat if number is not None] if None in flat else flat
        if given and not low <= min(given) <= max(given) <= high:
            first = next(i for i, number in enumerate(flat) if number is not None and not low <= number <= high)
            raise self.element_error(first, f"a number from {low} to {high}", "a number out of range")

    # Binary

    def _packed_numbers(self, raw: memoryview) -> npt.NDArray[Any]:
        dtype = PACKED[self.datatype]
        expected = math.prod(self.shape) * dtype.itemsize
        if len(raw) != expected:
            raise BadRequest(f"unexpected size of input {quote(self.name)}: expected {expected} bytes, got {len(raw)}")
        numbers = np.frombuffer(raw, dtype)
        if self.datatype == BF16:
            return (numbers.astype(np.uint32) << 16).view(np.float32)
        if self.datatype == BOOL:
            if numbers.max() > 1:
                raise self.element_error(int((numbers > 1).argmax()), "a byte of 0 or 1", "another value")
            return numbers.view(np.bool_)
        return numbers

    def _packed_texts(self, raw: memoryview) -> list[Any]:
        texts, count, start = [], math.prod(self.shape), 0
        try:
            for _ in range(count):
                (length,) = ELEMENT_LENGTH.unpack_from(raw, start)
                start += ELEMENT_LENGTH.size + length
                texts.append(str(raw[start - length : start], "utf-8"))
        except struct.error:
            start = -1
        except UnicodeDecodeError as error:
            raise self.element_error(len(texts), "UTF-8", "invalid bytes") from error
        if start != len(raw):
            raise BadRequest(
                f"the bytes of input {quote(self.name)} are not {count} elements, each preceded by its length"
            )
        return texts


def pack_texts(texts: Sequence[str]) -> bytes:
    """Encode strings as elements of BYTES. Each distinct string is encoded once, because labels are often repeated."""
    packed = {text: pack(text.encode()) for text in set(texts)}
    return b"".join([packed[text] for text in texts])


def pack(raw: bytes | bytearray) -> bytes:
    """Encode an element of BYTES."""
    return ELEMENT_LENGTH.pack(len(raw)) + raw


def quote(name: str) -> str:
    """Quote a name from a request for a message, cut to MAX_SHOWN characters."""
    return f"'{name[:MAX_SHOWN]}'"


def show(shape: list[int]) -> str:
    """Format a shape as Triton does: [-1,784]."""
    return f"[{','.join(map(str, shape[:MAX_SHOWN]))}]"[:MAX_SHOWN]
