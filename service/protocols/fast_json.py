"""The fast path for rows of numbers: JSON is parsed directly into an array, without a Python object per number.

Any other content, and any error, is left to the schema in `rows`, which reports what is wrong and where.
"""

import threading
from codecs import BOM_UTF8
from typing import Any

import numpy as np
import simdjson

from nn import Features
from nn.features import Codes
from service.protocols.json_cost import count_bytes
from service.protocols.rows import INSTANCES_KEY

MAX_FLOAT32 = float(np.finfo(np.float32).max)
# The exceptions that unexpected content raises in simdjson and in the code that uses its result.
UNEXPECTED = (ValueError, TypeError, LookupError, AttributeError, RuntimeError)
# A parser keeps memory of several times the size of the largest document that it has parsed; larger ones get their own.
MAX_KEPT_BYTES = 2**20
_own = threading.local()  # one parser per thread, because a parser holds the document that it parsed last


def parse_rows(body: bytes | bytearray, features: Features, max_rows: int) -> Codes | None:
    """Return the codes (B, K) of a body `{"instances": rows}` of numbers only, or None to fall back to the schema."""
    if not features.only_numbers:
        return None
    try:
        numbers = _read(body, len(features), max_rows)
    except UNEXPECTED:
        return None
    if numbers is None:
        return None
    # A sum of squares below this limit proves that every number fits into float32; comparing each is slower.
    return numbers.astype(np.float32) if np.vdot(numbers, numbers) < MAX_FLOAT32**2 else None


def _read(body: bytes | bytearray, columns: int, max_rows: int) -> np.ndarray[Any, Any] | None:
    """Return the rows (B, K) of an object without other keys, where each row is a list of K numbers."""
    lists = count_bytes(body, b"[")  # an upper bound, since strings may contain brackets
    if lists > max_rows + 1:
        return None
    document = parse(body)
    rows = document[INSTANCES_KEY]
    # as_buffer flattens nested lists, and a lookup returns the first of duplicate keys: both are ruled out here.
    flat = np.frombuffer(rows.as_buffer(of_type="d"))
    if len(document) != 1 or {len(row) for row in rows} != {columns} or lists != len(rows) + 1:
        return None
    return flat.reshape(len(rows), columns)


def parse(body: bytes | bytearray) -> Any:
    """Parse JSON. Release the result before the next call in the same thread. Raises one of UNEXPECTED."""
    if body.startswith(BOM_UTF8):
        raise ValueError("simdjson skips a byte order mark, which is not valid JSON")
    if len(body) > MAX_KEPT_BYTES:
        return simdjson.Parser().parse(body)
    if not hasattr(_own, "parser"):
        _own.parser = simdjson.Parser()
    return _own.parser.parse(body)
