"""JSON whose rows are numbers alone, read straight into an array: no Python object is made of a number.

Lists of Python objects would only be made to be turned into an array. What has anything else in it, or
anything wrong, is left to the schema, which can say what it is.
"""

import threading
from codecs import BOM_UTF8
from typing import Any

import numpy as np
import simdjson

from nn import Features
from nn.features import Codes
from service.protocols.rows import INSTANCES_KEY

MAX_FLOAT32 = float(np.finfo(np.float32).max)
# In fewer bytes Python counts faster than NumPy.
SHORT = 2**13
# What simdjson makes of what it does not expect.
UNEXPECTED = (ValueError, TypeError, LookupError, AttributeError, RuntimeError)
_own = threading.local()  # a parser keeps what it has read last: one for each thread


def parse_rows(body: bytes | bytearray, features: Features, max_rows: int) -> Codes | None:
    """Return the codes (B, K) of a body that is an object of rows and nothing else, or None where that is in doubt."""
    if not features.only_numbers:
        return None
    try:
        numbers = _read(body, len(features))
    except UNEXPECTED:
        return None
    if numbers is None or len(numbers) > max_rows:
        return None
    # With such a sum of squares no number is too large for float32; it is faster than looking at each.
    return numbers.astype(np.float32) if np.vdot(numbers, numbers) < MAX_FLOAT32**2 else None


def _read(body: bytes | bytearray, columns: int) -> np.ndarray[Any, Any] | None:
    """Return rows (B, K) of an object that has no other key, each a list of K numbers."""
    document = parse(body)
    rows = document[INSTANCES_KEY]
    # Simdjson would flatten whatever lists it finds, and of two keys take the first.
    flat = np.frombuffer(rows.as_buffer(of_type="d"))
    if len(document) != 1 or {len(row) for row in rows} != {columns} or count_brackets(body) != len(rows) + 1:
        return None
    return flat.reshape(len(rows), columns)


def parse(body: bytes | bytearray) -> Any:
    """Parse JSON; what comes of it has to be let go of before the next is parsed. Raises one of UNEXPECTED."""
    if body.startswith(BOM_UTF8):
        raise ValueError("simdjson passes over a byte order mark, which is no JSON")
    if not hasattr(_own, "parser"):
        _own.parser = simdjson.Parser()
    return _own.parser.parse(body)


def count_brackets(body: bytes | bytearray) -> int:
    """Count where lists may begin: in texts there may be brackets too."""
    if len(body) < SHORT:
        return body.count(b"[")
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord("[")))
