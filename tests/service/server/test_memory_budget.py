"""The memory that a worker holds for slow clients is bounded; small requests are always accepted."""

import gzip
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import pytest

from store import publish
from tests.helpers.models import ROW, make_artifact
from tests.helpers.npy import NPY, write_npy
from tests.helpers.server import Server, total
from tests.helpers.wire import JSON, Wire, WireResponse, chunked_request, http_request

MOST, LARGEST = 50_000_000, 20_000_000
POOL = MOST * 7 // 8  # for requests of more than 4 MiB
# Bodies of float32 that take 2.5 times their size while they are processed. Three of LARGE fit, and beside them none of
# OTHER.
LARGE, OTHER = MOST * 18 // 100, MOST * 34 // 100


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("budget")
    for name, labels in (("iris", "abc"), ("wide", range(32))):
        artifact = make_artifact(np.random.default_rng(0), (4, 8, len(labels)), labels=tuple(labels))
        publish(folder / "models", name, artifact, {}, {})
    limits = {
        "NPSERVE_DEFAULT_MODEL": "iris",
        "NPSERVE_MAX_HELD_BYTES": str(MOST),
        "NPSERVE_MAX_QUEUE_SECONDS": "60",
        "NPSERVE_MAX_BINARY_BYTES": str(LARGEST),
        "NPSERVE_MAX_BINARY_ROWS": "2000000",
    }
    with Server(folder / "models", workers=1, **limits) as server:
        server.wait_until_ready()
        yield server


def _rows(size: int, path: str = "/predict") -> bytes:
    """A request with an array of about `size` bytes."""
    return http_request("POST", path, write_npy(np.ones((size // 16, 4), np.float32)), Content_Type=NPY)


def _ask(server: Server, sent: bytes) -> WireResponse:
    with Wire(server.port) as wire:
        answer = wire.send(sent).read_response()
        assert answer is not None
        return answer


def _is_accepted(server: Server) -> bool:
    return _ask(server, _rows(OTHER)).status == 200


def test_a_large_body_is_shed_while_others_hold_too_much(server: Server) -> None:
    large, few = _rows(LARGE), json.dumps({"instances": [ROW]}).encode()
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port)).send(large[:-1]) for _ in range(3)]
        # Until all three are received, the other one is refused only when it is decoded.
        server.wait_for(lambda: _ask(server, _rows(OTHER)).headers.get("connection") == "close")
        refused = _ask(server, _rows(OTHER))
        assert (refused.status, refused.headers["retry-after"], refused.headers["connection"]) == (503, "1", "close")
        assert json.loads(refused.body) == {
            "error": "the server holds too many bytes of other requests: try again later"
        }
        offered = _ask(server, _rows(OTHER).replace(b"Host: x", b"Host: x\r\nConnection: Upgrade\r\nUpgrade: h2c"))
        assert (offered.status, offered.headers["retry-after"]) == (503, "1")
        assert total(server.scrape(), "npserve_http_requests_total", route="/predict", code="503") >= 2
        assert _ask(server, http_request("POST", "/predict", few, Content_Type=JSON)).status == 200
        for wire in wires:
            answer = wire.send(large[-1:]).read_response()
            assert answer is not None
            assert answer.status == 200, answer.body
    assert _is_accepted(server)


def test_a_request_that_never_fits_is_a_413(server: Server) -> None:
    refused = _ask(server, _rows(LARGEST - 1000))
    assert refused.status == 413
    assert f"at most {POOL} are held for such requests: send fewer rows" in json.loads(refused.body)["error"]


WHOLE = _rows(LARGE)
LAST = http_request("GET", "/livez", Connection="close")
BROKEN = chunked_request("POST", "/predict", b"x" * 1_000_000, 100_000, Content_Type=NPY)[:-5] + b"xyz\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(WHOLE, 200, id="complete"),
        pytest.param(WHOLE[:-1], None, id="disconnected"),
        pytest.param(LAST + WHOLE[:-1], 200, id="after the last request"),
        pytest.param(BROKEN, 400, id="malformed chunks"),
        pytest.param(_rows(LARGEST + 100), 413, id="too large"),
        pytest.param(WHOLE.replace(b"/predict", b"/nowhere"), 413, id="binary to an unknown path"),
        pytest.param(http_request("POST", "/nowhere", b" " * 3_000_000), 413, id="unknown path"),
        pytest.param(WHOLE[:-1] + b"!" + BROKEN, 200, id="rejected after another"),
    ],
)
def test_completed_requests_hold_nothing(sent: bytes, status: int | None, server: Server) -> None:
    for _ in range(10):
        with Wire(server.port) as wire:
            wire.send(sent)
            if status:
                answer = wire.read_response()
                assert answer is not None
                assert answer.status == status
    server.wait_for(lambda: _is_accepted(server))


def test_a_reset_connection_holds_nothing(server: Server) -> None:
    for _ in range(3):
        with Wire(server.port) as wire:
            wire.send(WHOLE[:-1])
            time.sleep(0.1)
            wire.reset()
    server.wait_for(lambda: _is_accepted(server))


def test_a_half_closed_connection_holds_nothing(server: Server) -> None:
    with ExitStack() as wires:
        for _ in range(3):
            wire = wires.enter_context(Wire(server.port))
            wire.send(WHOLE[:-1]).shutdown_write()
            assert wire.read_response() is None
        assert _is_accepted(server)


def test_large_responses_to_small_bodies_count_against_the_budget(server: Server) -> None:
    body = gzip.compress(write_npy(np.zeros((60_000, 4), np.int8)))
    fields = {"Content_Type": NPY, "Content_Encoding": "gzip"}
    asked = http_request("POST", "/models/wide/predict", body, **fields)
    assert len(asked) < 2000
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port)).send(asked) for _ in range(12)]
        answers = [wire.read_response() for wire in wires]
    assert {answer.status for answer in answers if answer} == {200, 503}
    shed = [json.loads(answer.body)["error"] for answer in answers if answer and answer.status == 503]
    assert {*shed} == {"the server holds too many bytes of other requests: try again later"}
    assert total(server.scrape(), "npserve_request_seconds_count", model="wide", outcome="shed") == len(shed)
    server.wait_for(lambda: _is_accepted(server))


@pytest.mark.parametrize("read", [True, False])
def test_an_unread_response_counts_against_the_budget(read: bool, server: Server) -> None:
    with Wire(server.port) as wire:
        wire.send(_rows(2_200_000, "/models/wide/predict"))  # the response is eight times as large
        server.wait_for(lambda: not _is_accepted(server))
        if read:
            answer = wire.read_response()
            assert answer is not None
            assert answer.status == 200
            server.wait_for(lambda: _is_accepted(server))
    server.wait_for(lambda: _is_accepted(server))
