"""Health and the scrape do not wait for pages; the queues of pages and scrapes are limited in length and in time."""

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

import pytest
import requests
from flask import Flask

from service.prediction.messages import Response
from service.server import wsgi
from service.server.request_head import HeaderFields, RequestHead
from service.server.view_dispatcher import MAX_SCRAPES, ViewDispatcher
from service.server.wsgi import MAX_WAITING
from tests.helpers.server import Server, parse_metrics, total
from tests.helpers.wire import JSON, Wire, http_request

ADDRESS = ("127.0.0.1", 8000)
SHED = {"error": "too many requests wait for pages or metrics: try again later"}
LIMITS = [("/models", MAX_WAITING), ("/nowhere", MAX_WAITING), ("/metrics", MAX_SCRAPES)]
Ask = Callable[..., Awaitable[Response]]


class Blocked:
    """The Flask app, which blocks for one path until the event is set."""

    def __init__(self, app: Flask, path: str) -> None:
        self.free, self._app, self._path = threading.Event(), app.wsgi_app, path
        app.wsgi_app = self  # type: ignore[method-assign]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == self._path:
            self.free.wait(10)
        return self._app(environ, start_response)


def _run(app: Flask, test: Callable[[Ask], Awaitable[None]]) -> None:
    """Run a test in a loop. It gets a function that sends a request."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        views = ViewDispatcher(app, loop)

        def ask(path: str) -> Awaitable[Response]:
            answer = loop.create_future()
            transport: Any = asyncio.Transport({"sockname": ADDRESS, "peername": ADDRESS})
            head = RequestHead("GET", path, "", HeaderFields([(b"host", b"x")]), keep_alive=True)
            views.submit(head, b"", transport, answer.set_result)
            return answer

        await test(ask)

    asyncio.run(main())


def test_health_and_the_scrape_do_not_wait_for_pages(app: Flask) -> None:
    blocked = Blocked(app, "/models")

    async def test(ask: Ask) -> None:
        page = ask("/models")
        for path in ("/livez", "/readyz", "/ping", "/v2/health/live", "/v2/health/ready", "/v2", "/v2/", "/metrics"):
            assert (await ask(path)).status == 200
        blocked.free.set()
        assert (await page).status == 200

    _run(app, test)


@pytest.mark.parametrize(("path", "limit"), LIMITS)
def test_requests_beyond_the_limit_are_shed_and_counted(path: str, limit: int, app: Flask) -> None:
    blocked = Blocked(app, path)
    route, status = ("unmatched", 404) if path == "/nowhere" else (path, 200)

    async def test(ask: Ask) -> None:
        accepted = [ask(path)]
        await asyncio.sleep(0.1)  # the thread has the first
        accepted += [ask(path) for _ in range(limit)]
        answer = await ask(path)
        assert (answer.status, json.loads(answer.body)) == (503, SHED)
        assert (answer.headers["Retry-After"], answer.headers["Content-Type"]) == ("1", JSON)
        assert len(answer.headers["X-Request-ID"]) == 32
        blocked.free.set()
        assert {(await each).status for each in accepted} == {status}

    _run(app, test)
    body, _ = app.extensions["npserve"].metrics.render("")
    assert total(parse_metrics(body.decode()), "npserve_http_requests_total", route=route, code="503") == 1


def test_a_page_that_waits_too_long_is_shed(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi, "MAX_SECONDS", 0.05)
    blocked = Blocked(app, "/models")

    async def test(ask: Ask) -> None:
        first = ask("/models")
        await asyncio.sleep(0.1)
        late = ask("/v2/models")
        await asyncio.sleep(0.1)
        blocked.free.set()
        assert (await first).status == 200
        answer = await late
        assert (answer.status, json.loads(answer.body)) == (503, SHED)

    _run(app, test)


def test_a_document_that_has_been_built_does_not_wait_for_pages(app: Flask) -> None:
    blocked = Blocked(app, "/models")

    async def test(ask: Ask) -> None:
        built = await ask("/docs")
        page = ask("/models")
        again = await ask("/docs")
        assert (again.status, again.body) == (200, built.body)
        assert again.headers["ETag"] == built.headers["ETag"]
        blocked.free.set()
        await page

    _run(app, test)


def test_a_server_flooded_with_pages(server: Server) -> None:
    wires = [Wire(server.port, 30) for _ in range(200)]
    for wire in wires:
        wire.send(http_request("GET", "/v2/models") * 20)
    for path in ("/livez", "/readyz"):
        asked = monotonic()
        assert requests.get(server.url + path, timeout=5).status_code == 200
        assert monotonic() - asked < 2
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda wire: [wire.read_response("GET") for _ in range(20)], wires)]
    for wire in wires:
        wire.__exit__()
    received = [answer for each in answers for answer in each if answer]
    statuses = Counter(answer.status for answer in received)
    assert statuses[200] + statuses[503] == len(received) == 4000
    assert {answer.headers["retry-after"] for answer in received if answer.status == 503} <= {"1"}
    series = server.scrape()
    for status in (200, 503):
        assert total(series, "npserve_http_requests_total", route="/v2/models", code=str(status)) == statuses[status]
