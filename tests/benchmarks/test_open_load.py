"""The load generator against a real server."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.bodies import Written
from benchmarks.client_connection import LOST
from benchmarks.open_load import run
from benchmarks.prepared import PreparedRequest
from store import publish
from tests.helpers.models import make_artifact
from tests.helpers.server import BODY, Server, free_port

URL = "http://127.0.0.1/predict"
REQUEST = Written(BODY.encode(), {"Content-Type": "application/json"})


def test_an_open_loop_sends_at_its_rate_and_a_closed_loop_one_after_another(tmp_path: Path) -> None:
    publish(tmp_path, "iris", make_artifact(np.random.default_rng(0)), {}, {})
    plain, unknown = PreparedRequest.post(URL, REQUEST), PreparedRequest.get("/unknown")
    slow = PreparedRequest.post(URL, REQUEST, pieces=10, seconds=0.1)
    with Server(tmp_path, workers=1) as server:
        server.wait_until_ready()
        offered = run(server.port, [plain, unknown], 1, 50, rate=100)
        assert 90 <= offered.sent <= 100
        assert offered.unsent == 0
        assert offered.others() == f"200: {len(offered.waits[200])}, 404: {len(offered.waits[404])}"
        assert abs(len(offered.waits[200]) - len(offered.waits[404])) <= 1
        repeated = run(server.port, [plain], 0.2, 2, rate=None)
        assert repeated.sent == len(repeated.waits[200]) > 2
        pieces = run(server.port, [slow], 0.3, 1, rate=100)
        assert 1 <= pieces.sent <= 3  # the only connection is in use for 0.1 seconds
        assert pieces.unsent > 10
        assert pieces.others(200) == ""


@pytest.mark.parametrize("rate", [None, 20.0])
def test_a_refused_connection_is_a_lost_request(rate: float | None) -> None:
    outcomes = run(free_port(), [PreparedRequest.get("/livez")], 0.2, 1, rate)
    assert outcomes.sent == len(outcomes.waits[LOST]) > 1


def test_the_pieces_of_a_request_are_its_bytes() -> None:
    request = PreparedRequest.post(URL, REQUEST, pieces=10, seconds=0.9)
    assert len(request.pieces) == 10
    assert request.interval == pytest.approx(0.1)
    head, _, content = b"".join(request.pieces).partition(b"\r\n\r\n")
    assert head.startswith(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n")
    assert json.loads(content) == json.loads(BODY)
    assert PreparedRequest.post(URL, REQUEST).pieces == (head + b"\r\n\r\n" + content,)
