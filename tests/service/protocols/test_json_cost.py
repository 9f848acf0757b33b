"""What parsing a body costs is known before it is parsed: expensive bodies are rejected in every protocol."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.errors import Overloaded, TooLarge
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Request
from service.protocols.json_cost import MAX_PARSE_SECONDS, json_cost, reserve_parsing
from service.settings import Settings

LARGEST = 4 * 2**20
SHAPES = {
    "nested lists": b"[[[[[[[[[[1]]]]]]]]]]",
    "empty lists": b"[]",
    "lists of one": b"[1]",
    "empty keys": b'{"":[]}',
    "objects": b'{"a":1}',
}
VALUES = {"integers": b"1000", "numbers": b"0.25", "strings": b'"ab"', "rows": b"[0.5,1.5,2.5,3.5]"}
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
EXPENSIVE = "the body has too many lists, objects and strings: send fewer rows per request"
PATHS = ["/predict", "/v1/models/iris:predict", "/v2/models/iris/infer"]
ENCODERS: dict[str, Callable[[bytes], bytes]] = {"identity": bytes, "gzip": gzip.compress}


@pytest.fixture
def large_bodies(iris: Path) -> FlaskClient:
    """A client of an app with the default limits."""
    app = create_app(Settings(models=iris, default_model="iris"))
    app.extensions["npserve"].reloader.stop()
    return app.test_client()


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


def test_the_largest_useful_bodies_are_accepted() -> None:
    rows = _repeat(b"[" + b",".join([b"0.125"] * 64) + b"]")
    objects = _repeat(b"{" + b",".join(b'"column %d": 1.5' % i for i in range(30)) + b"}")
    for body in (rows, objects):
        assert json_cost(body).seconds < MAX_PARSE_SECONDS


def test_parsing_is_reserved() -> None:
    body, budget = _repeat(b"[1,2,3,4]", 2**20), MemoryBudget(2**20)
    request = Request({}, budget.reserve(), body)
    reserve_parsing(request, body)
    assert budget.held > len(body) + json_cost(body).bytes
    with pytest.raises(Overloaded):
        reserve_parsing(Request({}, budget.reserve(), body), body)
    with pytest.raises(TooLarge, match="too many lists, objects and strings: send fewer rows"):
        reserve_parsing(request, _repeat(b"[]"))
