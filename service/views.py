"""The routes with their descriptions. A route other than a prediction is declared at its handler.

Each sub-package keeps its routes in `views`; `service.app` joins them, adds them to Flask, and passes all of them to
the handlers of /openapi.json and /docs.

Health and the scrape must not wait for pages, so their handlers depend on no framework: the event-loop server calls
those of HEALTH itself. Flask calls the same handlers.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from threading import Event
from time import perf_counter
from typing import Any, NamedTuple

import orjson
from flask.typing import ResponseReturnValue

from service.admin_address import AdminAddress
from service.logs.access_log import AccessLog
from service.metrics.registry import Metrics
from service.prediction.catalogue import Catalogue
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Response
from service.prediction.pipeline import PredictionPipeline
from service.prediction.reloader import CatalogueReloader
from service.protocols import Codec
from service.protocols.codec import JSON_HEADERS
from service.protocols.json_schema import JsonSchema
from service.settings import Settings

# Called with the Service, and with the path segments by name.
Handler = Callable[..., ResponseReturnValue | Response]
# What a route is for, which decides where the event-loop server handles it: HEALTH in the loop, SCRAPE in a thread of
# its own, PAGE in a thread with a short queue. The admin address has HEALTH and SCRAPE only.
HEALTH, SCRAPE, PAGE = "health", "scrape", "page"
NOT_READY = {503: "Not ready; `error` gives the reason."}
UNKNOWN = {
    404: "Unknown model or version.",
    503: "The model is known, but no version of it is loaded (yet).",
}


class View(NamedTuple):
    """A route: handler, codec of its errors, JSON schema, statuses of its errors, other content types of its responses.

    The `schema` of a prediction is None: the codec describes the requests and responses of each model.
    """

    method: str
    template: str
    handler: Handler
    codec: type[Codec]
    summary: str
    schema: JsonSchema | None
    statuses: Mapping[int, str]
    texts: Sequence[str] = ()
    purpose: str = PAGE


class Views(list[View]):
    """The routes of one protocol, or of the service itself."""

    def __init__(self, codec: type[Codec] = Codec) -> None:
        self._codec = codec

    def route(
        self,
        template: str,
        summary: str,
        schema: JsonSchema | None,
        statuses: Mapping[int, str] | None = None,
        texts: Sequence[str] = (),
        method: str = "GET",
        purpose: str = PAGE,
    ) -> Callable[[Handler], Handler]:
        """Return a decorator that adds a handler. Of several decorators, the lowest is applied first."""

        def add(handler: Handler) -> Handler:
            self.append(View(method, template, handler, self._codec, summary, schema, statuses or {}, texts, purpose))
            return handler

        return add


class Service(NamedTuple):
    """The components of the app, for its handlers and for the event-loop server."""

    settings: Settings
    metrics: Metrics
    reloader: CatalogueReloader
    pipeline: PredictionPipeline
    budget: MemoryBudget
    views: Sequence[View]
    admin: AdminAddress
    access_log: AccessLog
    stopping: Event

    def record(self, method: str, route: str | None, status: int, request_id: str, began: float) -> None:
        """Count and log a response other than a prediction. `began` is a value of perf_counter."""
        self.metrics.count_http(method, route, status)
        self.access_log.write(method, route, status, request_id, perf_counter() - began)

    def why_not_ready(self) -> str | None:
        """Return the reason why no requests should be sent; None if the service is ready."""
        if self.stopping.is_set():
            return "the server is stopping"
        return None if self.catalogue.ready else self.catalogue.why_not_ready()

    @property
    def catalogue(self) -> Catalogue:
        """The versions served at this moment."""
        return self.reloader.catalogue


class Routes:
    """Finds the view of a request, as Flask does."""

    def __init__(self, views: Sequence[View]) -> None:
        self._views: dict[str, list[View]] = {"GET": [], "POST": []}
        for view in views:
            self._views[view.method].append(view)
        self._patterns = {method: re.compile("|".join(map(_pattern, found))) for method, found in self._views.items()}

    def find(self, method: str, path: str) -> View | None:
        """Return the view that handles this method and path, or None. HEAD is handled as GET."""
        method = "GET" if method == "HEAD" else method
        found = self._patterns[method].fullmatch(path) if method in self._patterns else None
        return self._views[method][found.lastindex - 1] if found and found.lastindex else None


def _pattern(view: View) -> str:
    pattern = re.sub(r"<\w+>", "[^/:]+", re.escape(view.template))
    return f"({pattern}?)" if view.template[1:].endswith("/") else f"({pattern})"


def json_response(body: Any, status: int = 200, **headers: str) -> Response:
    """Return a JSON response. An underscore in a header name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {**JSON_HEADERS, **named}, orjson.dumps(body))
