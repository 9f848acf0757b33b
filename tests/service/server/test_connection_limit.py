"""NPSERVE_MAX_CONNECTIONS: what the connections beyond it get, and the open files that they need."""

import json
import resource
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
import requests

from service.server.connection_limit import ALLOWANCE, OTHER_FILES, fit_connections
from tests.helpers.server import BODY, Server, free_port, parse_metrics, total
from tests.helpers.wire import JSON, Wire, WireResponse, http_request

MOST = 8
HEALTH = ("/livez", "/readyz", "/ping", "/v2/health/live", "/v2/health/ready", "/v2", "/v2/")
PREDICT = http_request("POST", "/predict", BODY.encode(), Content_Type=JSON)
REFUSED = {"error": "too many connections (at most 8 per worker): reuse connections, or try again later"}


class Served(NamedTuple):
    """A server with one worker and MOST connections, and the port of its admin address."""

    server: Server
    admin: int


@pytest.fixture
def served(iris: Path) -> Iterator[Served]:
    admin = free_port()
    bind = f"127.0.0.1:{admin}"
    with Server(iris, workers=1, NPSERVE_MAX_CONNECTIONS=str(MOST), NPSERVE_ADMIN_BIND=bind) as server:
        server.wait_until_ready()
        yield Served(server, admin)
        assert server.stop()[1] == ""


def _answer(wire: Wire, sent: bytes) -> WireResponse:
    answer = wire.send(sent).read_response()
    assert answer is not None
    return answer


@contextmanager
def _idle(port: int, count: int) -> Iterator[list[Wire]]:
    """Idle connections within the limit, each after a response."""
    with ExitStack() as stack:
        yield [stack.enter_context(_open(port)) for _ in range(count)]


def _open(port: int) -> Wire:
    """Return a connection within the limit, when the server has noticed that earlier ones are closed."""
    for _ in range(100):
        wire = Wire(port)
        answer = _answer(wire, http_request("GET", "/livez"))
        assert answer.status == 200
        if "connection" not in answer.headers:
            return wire
        wire.__exit__()
        time.sleep(0.05)
    raise AssertionError("all connections are beyond the limit")


def _refused(served: Served, route: str) -> float:
    text = requests.get(f"http://127.0.0.1:{served.admin}/metrics", timeout=5).text
    return total(parse_metrics(text), "npserve_http_requests_total", route=route, code="503")


def test_a_connection_beyond_the_limit_is_for_health_only(served: Served) -> None:
    port = served.server.port
    with _idle(port, MOST) as wires:
        for path in HEALTH:
            with Wire(port) as probe:
                answer = _answer(probe, http_request("GET", path))
                assert (answer.status, answer.headers["connection"]) == (200, "close")
                assert probe.read_response() is None
        for sent in (PREDICT, http_request("GET", "/docs"), http_request("GET", "/nowhere")):
            with Wire(port) as wire:
                answer = _answer(wire, sent)
                assert (answer.status, answer.headers["retry-after"]) == (503, "1")
                assert (answer.headers["connection"], json.loads(answer.body)) == ("close", REFUSED)
                assert wire.read_response() is None
        for wire in wires:
            assert _answer(wire, PREDICT).status == 200
    served.server.wait_for(lambda: served.server.post().status_code == 200)


def test_refusals_are_counted_like_others(served: Served) -> None:
    with _idle(served.server.port, MOST):
        for route, sent in (("/predict", PREDICT), ("/docs", http_request("GET", "/docs"))):
            before = _refused(served, route)
            with Wire(served.server.port) as wire:
                assert _answer(wire, sent).status == 503
            served.server.wait_for(lambda route=route, before=before: _refused(served, route) == before + 1)  # type: ignore[misc]
    text = requests.get(f"http://127.0.0.1:{served.admin}/metrics", timeout=5).text
    series = parse_metrics(text)
    assert total(series, "npserve_request_seconds_count", model="iris", outcome="shed") == 1
    assert total(series, "npserve_rejected_inputs_total", model="iris", reason="overloaded") == 1


@pytest.mark.parametrize("length", [100, 4 * 2**20])
def test_a_refusal_does_not_wait_for_the_body(length: int, served: Served) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length
    with _idle(served.server.port, MOST), Wire(served.server.port) as wire:
        assert _answer(wire, head).status == 503


def test_only_the_first_request_of_such_a_connection_is_answered(served: Served) -> None:
    with _idle(served.server.port, MOST), Wire(served.server.port) as wire:
        assert _answer(wire, http_request("GET", "/livez") + PREDICT).status == 200
        assert wire.read_response() is None


def test_a_waiting_connection_is_served_when_another_has_closed(served: Served) -> None:
    with _idle(served.server.port, MOST - 1), ExitStack() as last:
        last.enter_context(_idle(served.server.port, 1))
        with Wire(served.server.port) as waiting:
            waiting.send(PREDICT[:10])
            last.close()
            time.sleep(0.5)  # until the server has noticed it
            assert _answer(waiting, PREDICT[10:]).status == 200
            assert _answer(waiting, PREDICT).status == 200


def test_connections_beyond_the_allowance_are_closed_at_once(served: Served) -> None:
    port = served.server.port
    with _idle(port, MOST), ExitStack() as stack:
        for _ in range(ALLOWANCE):
            stack.enter_context(Wire(port))
        with Wire(port) as wire:
            assert wire.read_response() is None
        with _idle(served.admin, 1):
            pass
        stack.close()
        served.server.wait_for(lambda: requests.get(f"{served.server.url}/livez", timeout=5).status_code == 200)


def test_connections_to_the_admin_address_do_not_count(served: Served) -> None:
    with _idle(served.admin, 2 * MOST), _idle(served.server.port, MOST) as wires:
        for wire in wires:
            assert _answer(wire, PREDICT).status == 200
        with Wire(served.server.port) as wire:
            assert _answer(wire, PREDICT).status == 503


def test_under_gthread_further_connections_wait(iris: Path) -> None:
    with Server(iris, workers=1, worker_class="gthread", NPSERVE_MAX_CONNECTIONS=str(MOST)) as server:
        server.wait_until_ready()
        _check_waiting(server)
        server.wait_for(lambda: server.post().status_code == 200)


def _check_waiting(server: Server) -> None:
    """Open MOST connections that send nothing. gunicorn would close some idle ones after their responses."""
    with ExitStack() as stack:
        for _ in range(MOST):
            stack.enter_context(Wire(server.port))
        wire = stack.enter_context(Wire(server.port, timeout=1.5))
        wire.send(PREDICT)
        with pytest.raises(TimeoutError):
            wire.read_response()


@pytest.mark.parametrize("worker_class", ["", "gthread"])
def test_connections_are_limited_to_the_open_files_that_are_allowed(iris: Path, worker_class: str) -> None:
    files = OTHER_FILES + MOST
    prefix = ("sh", "-c", f'ulimit -n {files} && exec "$@"', "sh")
    with Server(iris, workers=1, worker_class=worker_class, prefix=prefix) as server:
        server.wait_until_ready()
        if worker_class:
            _check_waiting(server)
        else:
            with _idle(server.port, MOST), Wire(server.port) as wire:
                answer = _answer(wire, PREDICT)
                assert (answer.status, json.loads(answer.body)) == (503, REFUSED)
        lines = server.stop()[1].splitlines()
    assert [json.loads(line)["message"] for line in lines] == [
        f"NPSERVE_MAX_CONNECTIONS=4096: limited to 8 per worker, because a process may have only {files} open files:"
        " raise the hard limit (ulimit -Hn), or lower the setting"
    ]


INFINITY = resource.RLIM_INFINITY


@pytest.mark.parametrize(
    ("soft", "hard", "raised", "fitting"),
    [
        (1024, 1048576, 4096 + OTHER_FILES, 4096),
        (1024, INFINITY, 4096 + OTHER_FILES, 4096),
        (1024, 2000, 2000, 2000 - OTHER_FILES),
        (2000, 2000, None, 2000 - OTHER_FILES),
        (10_000, 20_000, None, 4096),
        (INFINITY, INFINITY, None, 4096),
        (100, 100, None, 1),
    ],
)
def test_the_limit_of_open_files_is_raised_as_far_as_needed(
    soft: int, hard: int, raised: int | None, fitting: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _, both: limits.append(both))
    assert fit_connections(4096) == fitting
    assert limits == ([] if raised is None else [(raised, hard)])
