"""Handles the requests of one address that are not predictions: health, the scrape of the metrics, and pages.

Theory of operation
-------------------
A flood of pages must delay neither the probes of Kubernetes nor the scrape of Prometheus, so each kind of request has a
way of its own:

    health    answered in the event loop, and so is a document that has been built
    scrape    the Flask app, in a thread of its own: one scrape at a time, and few wait
    page      the Flask app, in one thread: any other request, one for an unknown path included

Both queues are limited in length and in time. A request beyond that gets a 503, which is counted like any response.
An iteration of the loop sends documents and refusals for a limited time, so that thousands of connections do not make
it long.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

from service.errors import Overloaded, RequestError
from service.page_headers import browser_headers
from service.prediction.messages import Response, read_request_id
from service.protocols import Codec
from service.protocols.codec import error_response
from service.server.request_head import RequestHead
from service.server.wsgi import TURN_SECONDS, WSGIBridge
from service.views import HEALTH, SCRAPE, Routes, Service, View

PAGES_FULL = "too many requests wait for pages or metrics: try again later"
MAX_SCRAPES = 16  # that wait; a scrape takes some milliseconds
# Flask rejects some malformed values; those requests are passed on to it.
_HOST = re.compile(r"([A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


class ViewDispatcher:
    """The requests of one address, whose Flask app has the same views."""

    def __init__(self, app: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._loop, self._scheduled = loop, False
        self._ready: deque[tuple[Callable[[Response], None], Response]] = deque()
        self._service: Service = app.extensions["npserve"]
        self._routes = Routes(self._service.views)
        self._pages, self._scrapes = WSGIBridge(app, loop), WSGIBridge(app, loop, MAX_SCRAPES)

    def submit(
        self,
        head: RequestHead,
        body: bytes | bytearray,
        transport: asyncio.Transport,
        respond: Callable[[Response], None],
    ) -> None:
        """Handle a request. `respond` is called from the event loop, at the earliest in its next iteration.

        Not at once: a client could send thousands of pipelined requests in one segment.
        """
        view, began = self._routes.find(head.method, head.path), perf_counter()
        if view and view.purpose is SCRAPE:
            self._service.pipeline.counter.count()
            accepts = self._scrapes.submit
        elif view and (response := self._respond_in_loop(head, view, began)):
            if view.purpose is HEALTH:
                self._loop.call_soon(respond, response)
            else:
                self._respond_soon(respond, response)
            return
        else:
            accepts = self._pages.submit
        full = Overloaded(PAGES_FULL)
        if not accepts(head, body, transport, lambda sent: respond(sent or self._refusal(head, view, full, began))):
            self._respond_soon(respond, self._refusal(head, view, full, began))

    def is_health(self, head: RequestHead) -> bool:
        """Return whether a request asks for liveness or readiness."""
        view = self._routes.find(head.method, head.path)
        return view is not None and view.purpose is HEALTH

    def refuse(self, head: RequestHead, error: RequestError, respond: Callable[[Response], None]) -> None:
        """Respond with an error to a request whose body is not received."""
        view = self._routes.find(head.method, head.path)
        self._respond_soon(respond, self._refusal(head, view, error, perf_counter()))

    def _respond_in_loop(self, head: RequestHead, view: View, began: float) -> Response | None:
        """Return the health, or a document that has been built; None if the Flask app has to respond."""
        if not _HOST.fullmatch(head.fields.get("host", "localhost")):
            return None
        if view.purpose is HEALTH:
            sent: Response = view.handler(self._service)  # type: ignore[assignment]
        elif document := self._service.catalogue.documents.get(view.template):
            sent = document.response(head.fields)
        else:
            return None
        request_id = read_request_id(head.fields)
        self._service.record(head.method, view.template, sent.status, request_id, began)
        headers = {**browser_headers(sent.headers.get("Content-Type")), **sent.headers}
        return Response(sent.status, {**headers, "X-Request-ID": request_id}, sent.body)

    def _respond_soon(self, respond: Callable[[Response], None], response: Response) -> None:
        self._ready.append((respond, response))
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self._scheduled = bool(self._ready)
        if self._scheduled:
            self._loop.call_soon(self._respond_ready)

    def _respond_ready(self) -> None:
        """Send documents and refusals for TURN_SECONDS. The next ones follow after an iteration of the loop."""
        end = perf_counter() + TURN_SECONDS
        while self._ready and perf_counter() < end:
            respond, response = self._ready.popleft()
            respond(response)
        self._schedule()

    def _refusal(self, head: RequestHead, view: View | None, error: RequestError, began: float) -> Response:
        """Record and return the response to a request that is not handled."""
        request_id = read_request_id(head.fields)
        self._service.record(head.method, view and view.template, error.status, request_id, began)
        return error_response(view.codec if view else Codec, error, request_id)
