"""The access log: one line for each response of either adapter."""

import json
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from service.logs import access_log
from service.logs.access_log import MAX_LINES, AccessLog
from tests.helpers.pages import ROOT
from tests.helpers.server import BODY, Server
from tests.helpers.wire import JSON, Wire, http_request


@pytest.fixture
def read_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """A function that returns the lines so far; stderr is a pipe."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    monkeypatch.setattr("service.logs.access_log.STDERR", writing)

    def read() -> list[dict[str, Any]]:
        time.sleep(3 * access_log.WRITE_SECONDS)
        text = b""
        while True:
            try:
                text += os.read(reading, 2**16)
            except BlockingIOError:
                return [json.loads(line) for line in text.splitlines()]
            time.sleep(0.01)

    yield read
    os.close(reading)
    os.close(writing)


def _write(log: AccessLog, count: int, status: int = 200) -> None:
    for number in range(count):
        log.write("POST", "/predict", status, f"r{number}", 0.001, "iris", 2, 3)


def test_a_line_has_what_is_known(read_lines: Callable[[], list[dict[str, Any]]]) -> None:
    log = AccessLog(1)
    log.write("POST", "/predict", 200, "r1", 0.0125, "iris", 2, 3)
    log.write("", None, 400, "r2", 0.0)
    first, second = read_lines()
    page = (ROOT / "docs/settings.md").read_text()
    assert [*first][:4] == ["time", "level", "process", "message"]
    assert [name for name in first if f"`{name}`" in page] == [*first]
    assert (first["model"], first["version"], first["rows"], first["seconds"]) == ("iris", 2, 3, 0.0125)
    assert {*second} == {"time", "level", "process", "message", "request_id", "status", "seconds"}


def test_nothing_is_logged_by_default(read_lines: Callable[[], list[dict[str, Any]]]) -> None:
    log = AccessLog(0)
    _write(log, 10)
    _write(log, 10, 500)
    assert read_lines() == []


def test_a_share_has_all_errors(read_lines: Callable[[], list[dict[str, Any]]]) -> None:
    log = AccessLog(0.1)
    _write(log, 2000)
    for status in (400, 404, 503):
        _write(log, 20, status)
    statuses = [line["status"] for line in read_lines()]
    assert len([status for status in statuses if status >= 400]) == 60
    assert 100 < len([status for status in statuses if status == 200]) < 300


def test_a_reader_that_is_stuck_delays_nobody(read_lines: Callable[[], list[dict[str, Any]]]) -> None:
    log = AccessLog(1)
    _write(log, MAX_LINES + 5000)  # many more than a pipe holds
    _write(log, 1, 500)
    lines = read_lines()
    while found := read_lines():
        lines += found
    lost = [line["message"] for line in lines if line["message"] != "response"]
    assert len(lost) == 1
    assert int(lost[0].split()[0]) + len(lines) - 1 == MAX_LINES + 5001
    _write(log, 1)
    assert len(read_lines()) == 1


def test_a_pipe_that_another_process_has_made_non_blocking_loses_nothing(
    read_lines: Callable[[], list[dict[str, Any]]],
) -> None:
    os.set_blocking(vars(access_log)["STDERR"], False)
    log = AccessLog(1)
    _write(log, 3000)
    lines = read_lines()
    while found := read_lines():
        lines += found
    assert [line["request_id"] for line in lines] == [f"r{number}" for number in range(3000)]


@pytest.mark.parametrize("worker_class", ["", "gthread"])
def test_each_response_of_the_server_is_logged(iris: Any, worker_class: str) -> None:
    with Server(iris, workers=1, worker_class=worker_class, NPSERVE_ACCESS_LOG="1") as server:
        server.wait_until_ready()
        for path, body in (("/predict", BODY), ("/models/iris/predict", "{"), ("/models/rose/predict", BODY)):
            server.post(path, body)
        for sent in (
            http_request("GET", "/livez", X_Request_ID="alive"),
            http_request("GET", "/nowhere?secret"),
            http_request("GET", "/docs"),
            http_request("POST", "/predict", b" " * 2**23, Content_Type=JSON),
        ):
            with Wire(server.port) as wire:
                wire.send(sent).read_response()
        _, errors = server.stop()
    lines = [json.loads(line) for line in errors.splitlines()]
    logged = [(line.get("method"), line.get("route"), line["status"], line.get("model")) for line in lines]
    expected = [
        ("POST", "/predict", 200, "iris"),
        ("POST", "/models/<name>/predict", 400, "iris"),
        ("POST", "/models/<name>/predict", 404, None),
        ("GET", "/livez", 200, None),
        ("GET", None, 404, None),
        ("GET", "/docs", 200, None),
        ("POST", "/predict", 413, "iris"),
    ]
    assert sorted(map(str, (each for each in logged if each[1] != "/readyz"))) == sorted(map(str, expected))
    assert [line["request_id"] for line in lines if line.get("route") == "/livez"] == ["alive"]
    (prediction,) = [line for line in lines if line["status"] == 200 and line["method"] == "POST"]
    assert (prediction["version"], prediction["rows"]) == (1, 1)
    assert 0 < prediction["seconds"] < 1
    assert "secret" not in errors


def test_what_the_event_loop_refuses_leaves_a_line(iris: Any) -> None:
    with Server(iris, workers=1, NPSERVE_ACCESS_LOG="0.001", NPSERVE_MAX_CONNECTIONS="1") as server:
        server.wait_until_ready()
        time.sleep(0.2)
        with Wire(server.port) as first:
            first.send(b"no request\r\n\r\n").read_response()
        time.sleep(0.2)
        with Wire(server.port) as first, Wire(server.port) as second:
            first.send(http_request("POST", "/predict", BODY.encode(), Content_Type=JSON)).read_response()
            second.send(http_request("POST", "/predict", BODY.encode(), Content_Type=JSON)).read_response()
        _, errors = server.stop()
    statuses = [json.loads(line)["status"] for line in errors.splitlines()]
    assert sorted(statuses) == [400, 503]


def test_the_level_of_the_log_is_a_setting(iris: Any) -> None:
    for level, expected in (("error", 0), ("debug", 5)):
        with Server(iris, workers=1, NPSERVE_LOG_LEVEL=level) as server:
            server.wait_until_ready()
            _, errors = server.stop()
        assert len(errors.splitlines()) >= expected
        assert bool(errors) == bool(expected)
