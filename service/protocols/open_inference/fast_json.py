"""The fast path for one tensor of numbers: JSON is parsed directly into an array, without a Python object per number.

Any other content, and any error, is left to the slow path, which reports what is wrong and where.
"""

from typing import Any

import numpy as np
import simdjson

from service.protocols.fast_json import UNEXPECTED, parse
from service.protocols.json_cost import count_bytes
from service.protocols.open_inference.request import INPUTS, OUTPUTS
from service.protocols.open_inference.tensor import FLOATS, INTEGERS, NUMERIC_DATATYPES

DATA = "data"
MAX_OBJECTS = 64  # of a request with one input; values besides the data become Python objects
# The types of the buffers that simdjson returns, by its type codes.
BUFFERS = {"d": np.dtype(np.float64), "i": np.dtype(np.int64), "u": np.dtype(np.uint64)}


def parse_tensor(text: bytes | bytearray, max_rows: int) -> dict[str, Any] | None:
    """Parse a request, with its data as an array (N,), or (B, K) if nested. None means: fall back to the slow path."""
    try:
        return _read(text, max_rows)
    except UNEXPECTED:
        return None


def _read(text: bytes | bytearray, max_rows: int) -> dict[str, Any] | None:
    lists = count_bytes(text, b"[")
    if lists > max_rows + 4 or count_bytes(text, b"{") > MAX_OBJECTS:
        return None
    document = parse(text)
    (tensor,) = document[INPUTS]
    data, datatype = tensor[DATA], tensor["datatype"]
    rows = [len(row) for row in data] if isinstance(data[0], simdjson.Array) else []
    # as_buffer flattens nested lists. Allowed lists are inputs, shape, data, its rows, and outputs.
    brackets = 3 + (OUTPUTS in document) + len(rows)
    if datatype not in NUMERIC_DATATYPES or len(set(rows)) > 1 or lists != brackets:
        return None
    integer = INTEGERS.get(datatype)
    kind = integer.kind if integer else "d"
    flat = np.frombuffer(data.as_buffer(of_type=kind), BUFFERS[kind])
    with np.errstate(over="ignore"):  # numbers beyond the range of the datatype become infinite, as in binary
        numbers = flat.astype(integer or FLOATS.get(datatype, BUFFERS["d"]), copy=False)
    if integer and (numbers != flat).any():
        return None
    record = _others(tensor, DATA) | {DATA: numbers.reshape(len(rows), -1) if rows else numbers}
    return _others(document, INPUTS) | {INPUTS: [record]}


def _others(found: Any, key: str) -> dict[str, Any]:
    """Return the values of all other keys as Python objects. Raises ValueError for a duplicate key.

    Of duplicate keys, simdjson returns the first, and the slow path the last.
    """
    keys = [*found.keys()]
    if len(set(keys)) != len(keys):
        raise ValueError("duplicate key")
    return {other: _plain(found[other]) for other in keys if other != key}


def _plain(value: Any) -> Any:
    if isinstance(value, simdjson.Object):
        return value.as_dict()
    return value.as_list() if isinstance(value, simdjson.Array) else value
