"""NumPy's file format (.npy): the bytes of an array after a header with its type, order and shape.

The header is a Python literal. NumPy evaluates it with Python's parser, which writes warnings to stderr, can be made
to crash, and repeats the input in its errors. The header of an array of numbers is simple enough to read without it.
"""

import math
import re
from struct import Struct
from typing import Any

import numpy as np

from service.errors import Malformed

# The encoding of the header length by magic string and version. Later versions only add Unicode field names.
LENGTHS = {b"\x93NUMPY\1\0": Struct("<H"), b"\x93NUMPY\2\0": Struct("<I")}
MAGIC = 8
MAX_HEADER_BYTES = 10_000
# By key: the pattern of its value, and a description with an example.
ENTRIES = {
    "descr": (rb"['\"]([<>|=]?(?:[iu][1248]|f[248]))['\"]", "a numeric type such as '<f4'"),
    "fortran_order": (rb"(True|False)", "True or False"),
    "shape": (rb"\(([0-9, ]{0,60})\)", "a tuple of sizes such as (2, 4)"),
}


def read_npy(raw: bytes | bytearray) -> np.ndarray[Any, Any]:
    """Read an array of numbers. The header must account for every byte. Raises Malformed."""
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
        raise _malformed("as many bytes after the header as its shape and type require")
    flat = np.frombuffer(raw, dtype, offset=end)
    try:
        return flat.reshape(shape, order="F" if order == "True" else "C")
    except (ValueError, OverflowError) as error:  # an empty array with another dimension that NumPy cannot represent
        raise _malformed("a shape that NumPy can represent") from error


def _find(header: bytes | bytearray, key: str) -> str:
    """Return the value of a key. Writers differ in the order of keys, in quotes and in spaces."""
    value, expected = ENTRIES[key]
    found = re.search(rb"['\"]%s['\"]\s*:\s*%s" % (key.encode(), value), header)
    if found is None:
        raise _malformed(f"{expected} as {key} in the header")
    return found[1].decode()


def _malformed(expected: str) -> Malformed:
    return Malformed(f"the body is not an array of numbers in NumPy's format: expected {expected}")
