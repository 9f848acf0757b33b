"""What parsing a body costs is known before it is parsed: expensive bodies are rejected in every protocol."""

import gc
import gzip
import subprocess
import sys
import timeit
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from time import thread_time

import orjson
import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.errors import Overloaded, TooLarge
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Request
from service.protocols.json_cost import COSTS, MAX_PARSE_BYTES, MAX_PARSE_SECONDS, VALUE, json_cost, reserve_parsing
from service.settings import Settings

LARGEST = 4 * 2**20
SHAPES = {
    "nested lists": b"[[[[[[[[[[1]]]]]]]]]]",
    "empty lists": b"[]",
    "lists of one": b"[1]",
    "empty keys": b'{"":[]}',
    "objects": b'{"a":1}',
}
VALUES = {
    "digits": b"[" + b",".join([b"7"] * 100) + b"]",
    "integers": b"1000",
    "numbers": b"0.25",
    "strings": b'"ab"',
    "rows": b"[0.5,1.5,2.5,3.5]",
}
MEASURE = """
import sys, orjson
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
body = sys.stdin.buffer.read()
before = resident()
parsed = orjson.loads(body)
print(resident() - before)
"""
EXPENSIVE = "the body has too many values: send fewer rows per request"
PATHS = ["/predict", "/v1/models/iris:predict", "/v2/models/iris/infer"]
ENCODERS: dict[str, Callable[[bytes], bytes]] = {"identity": bytes, "gzip": gzip.compress}


@pytest.fixture
def large_bodies(iris: Path) -> FlaskClient:
    """A client of an app with the default limits."""
    app = create_app(Settings(models=iris, default_model="iris"))
    app.extensions["npserve"].reloader.stop()
    return app.test_client()


def _row(cells: list[bytes]) -> bytes:
    return b"[" + b",".join(cells) + b"]"


def _seconds_to_parse(*bodies: bytes) -> list[float]:
    """Return the shortest processor time for parsing each body and freeing the result. Nothing is collected."""
    gc.disable()
    try:
        rounds = [
            [timeit.timeit(partial(orjson.loads, body), timer=thread_time, number=1) for body in bodies]
            for _ in range(5)
        ]
    finally:
        gc.enable()
    return [min(seconds) for seconds in zip(*rounds, strict=True)]


def _repeat(value: bytes, size: int = LARGEST) -> bytes:
    return b'{"instances":[' + b",".join([value] * ((size - 30) // (len(value) + 1))) + b"]}"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("encoding", ENCODERS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_body_of_many_values_is_rejected_before_it_is_parsed(
    shape: str, encoding: str, path: str, large_bodies: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orjson, "loads", lambda _: pytest.fail("the body was parsed"))
    body = ENCODERS[encoding](_repeat(SHAPES[shape]))
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    response = large_bodies.post(path, data=body, headers=headers)
    assert response.status_code == 413
    assert response.get_json() == {"error": EXPENSIVE}


@pytest.mark.parametrize("shape", [*SHAPES, *VALUES])
def test_the_memory_of_parsing_is_estimated(shape: str) -> None:
    body = _repeat((SHAPES | VALUES)[shape])
    run = subprocess.run([sys.executable, "-c", MEASURE], input=body, capture_output=True, check=True)
    assert 0.8 * int(run.stdout) < json_cost(body).bytes < 6 * int(run.stdout)


USEFUL = {
    "rows": _row([b"0.125"] * 64),
    "pixels": _row([b"0"] * 784),
    "pixels with spaces": _row([b"0", b"128"] * 392).replace(b",", b", "),
    "floats in rows of 10": _row([b"0.12345678"] * 9 + [b"null"]),
    "floats in rows of 30": _row([b"0.12345678"] * 29 + [b"null"]),
    "long floats": _row([b"-0.12345678901234567"] * 29 + [b"null"]),
    "objects": b"{" + b",".join(b'"column %d": 1.5' % i for i in range(30)) + b"}",
}
TIMED = {
    "1-digit integers": _row([b"1"]),
    "rows of 10 integers": _row([b"1"] * 10),
    "rows of 100 integers": _row([b"1"] * 100),
    "4-digit integers": _row([b"1234"] * 30),
    "floats of 4 digits": _row([b"0.1234"] * 30),
    "floats of 8 digits": _row([b"0.12345678"] * 30),
    "floats of 17 digits": _row([b"0.12345678901234567"] * 30),
    "literals": _row([b"true", b"null"] * 5),
    "strings": _row([b'"ab"'] * 10),
    "objects of 3 keys": b'{"a":1,"b":2,"c":3}',
    "objects of 10 keys": b"{" + b",".join(b'"%c":0.12' % key for key in b"abcdefghij") + b"}",
}


@pytest.mark.parametrize("shape", USEFUL)
def test_the_largest_useful_bodies_are_accepted(shape: str) -> None:
    body = _repeat(USEFUL[shape])
    reserve_parsing(Request({}, MemoryBudget(2**30).reserve(), body), body)


def test_rows_of_numbers_with_an_option_are_accepted(large_bodies: FlaskClient) -> None:
    """They are parsed by orjson, because the fast path is for rows only."""
    row = _row([b"0.%020d" % 1] * 4)
    body = _repeat(row, 2**19).replace(b"{", b'{"top":1,')
    assert large_bodies.post("/predict", data=body).status_code == 200


@pytest.mark.parametrize("shape", TIMED)
def test_the_time_of_parsing_is_not_underestimated(shape: str) -> None:
    """Relative to numbers of 8 digits, since this machine may be slower; the exact ratios are in the module."""
    bodies = _repeat(TIMED[shape]), _repeat(TIMED["floats of 8 digits"])
    seconds, reference = _seconds_to_parse(*bodies)
    assert seconds / json_cost(bodies[0]).seconds < 2 * reference / json_cost(bodies[1]).seconds


def test_a_parse_is_limited_in_bytes_too() -> None:
    """Objects take more memory than time. A parse, the body and its decompressed copy fit into 64 MiB."""
    assert MAX_PARSE_BYTES + 2 * LARGEST <= 64 * 2**20
    budget, count = MemoryBudget(2**30), MAX_PARSE_BYTES // (COSTS[b"{"][1] + VALUE[1])
    for objects, accepted in ((count - 10, True), (count + 10, False)):
        body = b"[" + b",".join([b"{}"] * objects) + b"]"
        assert json_cost(body).seconds < MAX_PARSE_SECONDS
        assert (json_cost(body).bytes <= MAX_PARSE_BYTES) == accepted
        with nullcontext() if accepted else pytest.raises(TooLarge, match="too many values: send fewer rows"):
            reserve_parsing(Request({}, budget.reserve(), body), body)


def test_parsing_is_reserved() -> None:
    body = _repeat(b"[1,2,3,4]", 2**20)
    needed = len(body) + json_cost(body).bytes
    budget = MemoryBudget(2 * needed - 1)
    request, other = (Request({}, budget.reserve(len(body)), body) for _ in range(2))
    reserve_parsing(request, body)
    assert budget.held == needed + len(body)
    with pytest.raises(Overloaded):
        reserve_parsing(other, body)
    with pytest.raises(TooLarge, match="too many values: send fewer rows"):
        reserve_parsing(request, _repeat(b"[]"))
