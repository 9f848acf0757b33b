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
# A parse may hold the event loop for this long.
MAX_PARSE_SECONDS = 0.05
# Seconds and bytes to create and free an object by the character that it begins with or, for a value, that follows it.
# Measured with orjson 3.13 and CPython 3.11 on bodies of 4 MB of one kind of value: the estimate is 1.0 to 1.6 times
# the time for lists and objects, 0.4 to 0.6 times for rows of numbers, and up to 5 times for empty strings, each of
# which has two quotes.
COSTS = {b"[": (100e-9, 88), b"{": (150e-9, 256), b'"': (25e-9, 28), b",": (20e-9, 36)}


class JsonCost(NamedTuple):
    """The estimated seconds and bytes that parsing takes."""

    seconds: float
    bytes: int


def json_cost(body: bytes | bytearray) -> JsonCost:
    """Estimate the cost of parsing a body."""
    counts = {character: count_bytes(body, character) for character in COSTS}
    seconds = sum(count * COSTS[character][0] for character, count in counts.items())
    return JsonCost(seconds, sum(count * COSTS[character][1] for character, count in counts.items()))


def reserve_parsing(request: Request, body: bytes | bytearray) -> None:
    """Reserve the memory that parsing a body of `request` takes. Raises TooLarge if that takes too long, Overloaded."""
    if len(body) <= LARGE_BODY:  # parsed in a few milliseconds, regardless of the values
        return
    cost = json_cost(body)
    if cost.seconds > MAX_PARSE_SECONDS:
        raise TooLarge("the body has too many lists, objects and strings: send fewer rows per request")
    request.reservation.resize(len(request.body) + len(body) + cost.bytes)


def count_bytes(body: bytes | bytearray, character: bytes) -> int:
    """Count a character."""
    if len(body) < SHORT:
        return body.count(character)
    return int(np.count_nonzero(np.frombuffer(body, np.uint8) == ord(character)))
