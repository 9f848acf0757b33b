"""The table of parser cases, run through both adapters with a real server each."""

import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from store import publish
from tests.helpers.models import make_artifact
from tests.helpers.parser_cases import CASES, HIDDEN, Case
from tests.helpers.server import Server

CLIENTS = 16
TIMEOUT = 8.0  # seconds


def _exchange(port: int, case: Case) -> str:
    """Return the statuses of all responses, in order. The server has to close the connection by itself."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT) as connection:
        try:
            connection.sendall(case.sent)
            if case.half_closed:
                connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(2**16):
                received += data
        except TimeoutError:
            received += b"HTTP/1.1 000 HANGS"
        except ConnectionError:
            pass  # the server has closed the connection before it had read everything
    return " ".join(status.decode() for status in re.findall(rb"HTTP/\d\.\d (\d\d\d) [A-Z]", received))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parser")
    publish(folder, "iris", make_artifact(np.random.default_rng(0)), {"test": {"accuracy": 0.9, "rows": 100}}, {})
    return folder


@pytest.fixture(scope="module", params=["event loop", "gthread"])
def server(request: pytest.FixtureRequest, models: Path) -> Iterator[Server]:
    worker_class = "" if request.param == "event loop" else request.param
    with Server(models, workers=1, worker_class=worker_class) as server:
        server.wait_until_ready()
        yield server


def test_each_case_gets_its_responses_and_no_others(server: Server, request: pytest.FixtureRequest) -> None:
    with ThreadPoolExecutor(CLIENTS) as pool:
        statuses = pool.map(lambda case: _exchange(server.port, case), CASES.values())
        found = dict(zip(CASES, statuses, strict=True))
    gthread = "gthread" in request.node.name
    wanted = {name: case.gthread if gthread else case.event_loop for name, case in CASES.items()}
    assert {name: (status, wanted[name]) for name, status in found.items() if status != wanted[name]} == {}
    assert server.post().status_code == 200


def test_no_case_of_the_table_hangs_or_smuggles_a_request() -> None:
    """A request within another one is answered only where that one has no body and has ended."""
    hidden = 0
    for name, case in CASES.items():
        before, found, _ = case.sent.partition(HIDDEN)
        hidden += bool(found)
        for statuses in (case.event_loop.split(), case.gthread.split()):
            assert "000" not in statuses, name
            if found and "404" in statuses[1:]:
                assert before.endswith(b"\r\n\r\n"), name
                assert b"Content-Length" not in before, name
    assert (len(CASES) > 400, hidden > 30) == (True, True)
