"""The cost of parsing JSON, estimated from its bytes before it is parsed.

orjson creates a Python object for every value, and holds the interpreter while it does: 4 MB of `[[[]]]`, 4 kB if
compressed, become two million lists in 0.2 seconds and 160 MB. The number of objects follows from the number of
structural characters, which are counted at memory speed; characters within strings count too.
"""

from typing import NamedTuple

import numpy as np

from service.errors import TooLarge
from service.prediction.messages import LARGE_BODY, Request

# Below this size Python counts bytes faster than NumPy.
SHORT = 2**13
# A parse may hold the event loop for this long, and create objects of this many bytes: with 4 MiB received and 4 MiB
# decompressed, less than the 64 MiB that a worker may use besides what it holds for large bodies.
MAX_PARSE_SECONDS, MAX_PARSE_BYTES = 0.05, 48 * 2**20
# Seconds and bytes to create and free an object, by the character that it begins with. A colon stands for a key, which
# is looked up and added to the object.
COSTS = {b"[": (100e-9, 88), b"{": (150e-9, 256), b'"': (20e-9, 28), b":": (60e-9, 0)}
# The same for a value, which a comma follows: VALUE, or BYTE for each byte of its text if that is less. Small integers,
# which CPython creates only once, are short. The total length is sufficient: a sum of minima is at most the minimum of
# the sums.
VALUE, BYTE = (50e-9, 36), (20e-9, 18)
# Measured with orjson 3.13 and CPython 3.11 on bodies of 4 MB; the estimate divided by the time to parse and free them:
#
#     1-digit integers: 1.3 in one list, 1.4 in rows of 100, 1.1 in rows of 30, 1.2 in rows of 10; 2-digit ones 1.9
#     floats of 4, 8 and 17 digits: 1.0 to 1.15 in rows of 10, 30 and 100; 4-digit integers 1.0; exponents 0.9
#     true and null: 1.8 to 3.8; strings of 1 to 8 characters: 0.95 to 1.25; empty strings: 5
#     objects of 1, 3, 10 and 30 keys with numbers: 1.45 to 2.1; keys that all differ, which are not cached: 0.8 to 1.0
#     lists and objects without values: 1.0 to 2.6
#     numbers of more than 17 digits: 0.2 to 0.9, at most 16 ms for 4 MB


class JsonCost(NamedTuple):
    """The estimated seconds and bytes that parsing takes."""

    seconds: float
    bytes: int


def json_cost(body: bytes | bytearray) -> JsonCost:
    """Estimate the cost of parsing a body."""
    counts = {character: count_bytes(body, character) for character in COSTS}
    values, spaces = count_bytes(body, b","), count_bytes(body, b" ")
    length = len(body) - values - spaces
    seconds, size = (min(values * VALUE[i], length * BYTE[i]) for i in (0, 1))
    for character, count in counts.items():
        seconds += count * COSTS[character][0]
        size += count * COSTS[character][1]
    return JsonCost(seconds, int(size))


def reserve_parsing(request: Request, body: bytes | bytearray) -> None:
    """Reserve the memory that parsing a body of `request` takes. Raises TooLarge if that is too much, Overloaded."""
    if len(body) <= LARGE_BODY:  # parsed in a few milliseconds, regardless of the values
        return
    cost = json_cost(body)
    if cost.seconds > MAX_PARSE_SECONDS or cost.bytes > MAX_PARSE_BYTES:
        raise TooLarge("the body has too many values: send fewer rows per request")
    request.reservation.grow(cost.bytes)


def count_bytes(body: bytes | bytearray, character: bytes) -> int:
    """Count a character."""
    if len(body) < SHORT:
        return body.count(character)
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord(character)))
