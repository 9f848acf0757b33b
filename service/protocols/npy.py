"""NumPy's own format: the bytes of an array after a header that says its type, order and shape.

The header is a literal of Python. NumPy reads it with Python's own parser, which warns on stderr, may be
crashed, and answers with what it was given. All that an array of numbers needs can be found without.
"""

import math
import re
from struct import Struct
from typing import Any

import numpy as np

from service.errors import Malformed

# By magic and version, how the length of the header is written. Later versions are for names that are not Latin-1.
LENGTHS = {b"\x93NUMPY\1\0": Struct("<H"), b"\x93NUMPY\2\0": Struct("<I")}
MAGIC = 8
MAX_HEADER_BYTES = 10_000
# By key, what its value has to be, and an example.
ENTRIES = {
    "descr": (rb"['\"]([<>|=]?(?:[iu][1248]|f[248]))['\"]", "a type of numbers such as '<f4'"),
    "fortran_order": (rb"(True|False)", "True or False"),
    "shape": (rb"\(([0-9, ]{0,60})\)", "sizes such as (2, 4)"),
}


def read_npy(raw: bytes | bytearray) -> np.ndarray[Any, Any]:
    """Read an array of numbers whose header accounts for every byte. Raises Malformed."""
    length = LENGTHS.get(bytes(raw[:MAGIC]))
    if length is None or len(raw) < MAGIC + length.size:
        raise _malformed("a header of version 1.0 or 2.0")
    start = MAGIC + length.size
    end = start + length.unpack_from(raw, MAGIC)[0]
    header = raw[start : min(end, start + MAX_HEADER_BYTES)]
    dtype = np.dtype(_find(header, "descr"))
    order = _find(header, "fortran_order")
    shape = [int(size) for size in re.findall("[0-9]+", _find(header, "shape"))]
    if len(raw) - end != math.prod(shape) * dtype.itemsize:
        raise _malformed("as many bytes after the header as its shape and type take")
    flat = np.frombuffer(raw, dtype, offset=end)
    try:
        return flat.reshape(shape, order="F" if order == "True" else "C")
    except (ValueError, OverflowError) as error:  # no rows, of more than a computer can have
        raise _malformed("sizes that memory has room for") from error


def _find(header: bytes | bytearray, key: str) -> str:
    """Return the value of a key; writers differ in order, quotes and spaces."""
    value, expected = ENTRIES[key]
    found = re.search(rb"['\"]%s['\"]\s*:\s*%s" % (key.encode(), value), header)
    if found is None:
        raise _malformed(f"{expected} as {key} in the header")
    return found[1].decode()


def _malformed(expected: str) -> Malformed:
    return Malformed(f"the body is not an array of numbers in NumPy's format: expected {expected}")
