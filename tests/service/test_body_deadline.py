"""Bodies under gunicorn's threaded worker: slow, huge and unread ones free their thread."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest
import requests

from store import publish
from tests.helpers.models import make_artifact
from tests.helpers.server import Server
from tests.helpers.wire import JSON, Wire, http_request

SECONDS = 1
HEAD = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("deadline")
    publish(folder, "iris", make_artifact(np.random.default_rng(0)), {"test": {"accuracy": 0.9, "rows": 100}}, {})
    with Server(folder, workers=1, worker_class="gthread", NPSERVE_BODY_SECONDS=str(SECONDS)) as server:
        server.wait_until_ready()
        yield server
        _, log = server.stop()
        assert log == ""


def _seconds_until_healthy(server: Server) -> float:
    began = time.monotonic()
    assert server.post().status_code == 200
    return time.monotonic() - began


@pytest.mark.parametrize("path", [b"/predict", b"/v2/repository/index"])
@pytest.mark.parametrize("body", [b'Content-Length: 100\r\n\r\n{"inst', CHUNKED, CHUNKED + b"5\r\n{", CHUNKED + b"1"])
def test_half_sent_bodies_are_a_408(body: bytes, path: bytes, server: Server) -> None:
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port)) for _ in range(4)]
        for wire in wires:
            wire.send(HEAD % path + body)
        assert _seconds_until_healthy(server) < 2 * SECONDS + 1
        for wire in wires:
            answer = wire.read_response()
            assert answer is not None
            assert (answer.status, answer.headers["content-type"]) == (408, JSON)
            assert json.loads(answer.body)["error"] == "the body did not arrive within 1 seconds"
            assert wire.read_response() is None


def test_a_trickle_of_bytes_does_not_extend_the_deadline(server: Server) -> None:
    began = time.monotonic()
    with Wire(server.port) as wire:
        wire.send(HEAD % b"/predict" + b"Content-Length: 100\r\n\r\n")
        for _ in range(5):
            wire.send(b" ")
            time.sleep(0.25)
        answer = wire.read_response()
    assert answer is not None
    assert answer.status == 408
    assert time.monotonic() - began < SECONDS + 2


@pytest.mark.parametrize("length", [4 * 2**20 + 1, 2**63, 2**64, 10**30])
def test_a_content_length_above_the_limit_is_a_413_before_the_body(length: int, server: Server) -> None:
    with ExitStack() as stack:
        for wire in [stack.enter_context(Wire(server.port)) for _ in range(4)]:
            began = time.monotonic()
            answer = wire.send(HEAD % b"/predict" + b"Content-Length: %d\r\n\r\n{" % length).read_response()
            assert answer is not None
            assert answer.status == 413
            assert time.monotonic() - began < 3
        assert _seconds_until_healthy(server) < 2


@pytest.mark.parametrize("sent", [b"GET /livez", b"POST /nowhere", b"GET /docs"])
@pytest.mark.parametrize("length", [100, 2**64])
def test_unread_bodies_free_their_threads(length: int, sent: bytes, server: Server) -> None:
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port)) for _ in range(4)]
        for wire in wires:
            wire.send(sent + b" HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n{" % length)
        assert _seconds_until_healthy(server) < 4
        for wire in wires:
            answer = wire.read_response("GET")
            assert answer is not None
            assert answer.status in ((200, 404) if length == 100 else (413,))
            assert wire.read_response() is None


@pytest.mark.parametrize("sent", [b"POST /nowhere", b"GET /livez", b"PUT /predict", b"POST /v2/repository/index"])
def test_a_large_body_that_is_not_a_prediction_is_a_413_before_the_body(sent: bytes, server: Server) -> None:
    began = time.monotonic()
    with Wire(server.port) as wire:
        answer = wire.send(sent + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n").read_response()
    assert answer is not None
    assert (answer.status, "which only predictions accept" in json.loads(answer.body)["error"]) == (413, True)
    assert time.monotonic() - began < SECONDS


def test_an_unread_body_that_arrives_keeps_the_connection(server: Server) -> None:
    with Wire(server.port) as wire:
        for _ in range(3):
            answer = wire.send(http_request("POST", "/nowhere", b" " * 50_000)).read_response()
            assert answer is not None
            assert answer.status == 404


def test_a_body_shorter_than_its_content_length_is_a_400(server: Server) -> None:
    body = b'{"instances": [[1, 2, 3, 4]]}'
    with Wire(server.port) as wire:
        wire.send(HEAD % b"/predict" + b"Content-Length: %d\r\n\r\n" % (len(body) + 1) + body).shutdown_write()
        answer = wire.read_response()
    assert answer is not None
    assert (answer.status, "the body is incomplete" in json.loads(answer.body)["error"]) == (400, True)


@pytest.mark.parametrize("size", [5 * 2**20, 12 * 2**20])
def test_a_client_that_sends_a_large_body_receives_its_413(size: int, server: Server) -> None:
    for _ in range(3):
        answer = requests.post(f"{server.url}/predict", data=b" " * size, timeout=20)
        assert answer.status_code == 413
