"""The Flask app: the whole API, for any WSGI server. Predictions go through `PredictionPipeline.handle`."""

import logging
import os
import time
from collections.abc import Iterable
from functools import partial
from threading import Event
from typing import Any

import orjson
from flask import Flask, Response, g, request
from flask.json.provider import DefaultJSONProvider
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from service import operations
from service.admin_address import AdminAddress
from service.body_deadline import BodyDeadline, WSGIApp
from service.errors import UNKNOWN_ADMIN_PATH, UNKNOWN_PATH, RequestError, Unexpected, body_too_large, unexpected_body
from service.head_checks import check_host, check_transfer_encoding
from service.logs.access_log import AccessLog
from service.metrics.registry import Metrics
from service.openapi import views as openapi
from service.page_headers import browser_headers
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Request, loading_seconds, read_request_id
from service.prediction.messages import Response as PlainResponse
from service.prediction.pipeline import PredictionPipeline
from service.prediction.reloader import CatalogueReloader
from service.protocols import CODECS, ROUTES, Codec, Route
from service.protocols.body import read_stream
from service.protocols.codec import error_response
from service.protocols.native import views as native
from service.protocols.open_inference import views as open_inference
from service.protocols.tensorflow import views as tensorflow
from service.settings import Settings
from service.views import PAGE, SCRAPE, Routes, Service, View

START_SECONDS = 1.0  # for the first load; then requests are accepted, and wait for their models
log = logging.getLogger("npserve")


class PathSegment(BaseConverter):
    """A path segment, with the same pattern as in `find_route`."""

    regex = "[^/:]+"
    part_isolating = True


# The version that a route predicts with, by the last segment of its template.
TARGETS = {
    "<version>": "a version by its number",
    "<alias>": "a version by its alias",
    "<name>": "the stable version of a model",
    "": "the default model, or the only model",
}


class JSONResponses(DefaultJSONProvider):
    """Serializes the return values of handlers with orjson, like the codecs."""

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(orjson.dumps(args[0]), mimetype=self.mimetype)


def _predict(service: Service, **segments: str) -> ResponseReturnValue:
    template, pipeline = str(request.url_rule), service.pipeline
    route = Route(template, ROUTES[template], {"name": None, **segments})
    limit, reservation = pipeline.body_limit(route, request.headers), service.budget.reserve()
    received = Request(request.headers, reservation, b"", g.began)
    if (request.content_length or 0) > limit:
        received.error = body_too_large(limit)
    else:  # one byte above the limit shows that a chunked body is too large; the rest is not read
        received.body = read_stream(request.stream, limit + 1)
    received.completed = time.perf_counter()
    if not received.error:
        service.reloader.wait_for(segments.get("name"), loading_seconds(received))
    sent = pipeline.handle(received, route)
    response = Response(sent.body, sent.status, dict(sent.headers))
    response.call_on_close(reservation.release)
    return response


def _prediction(template: str, codec: type[Codec]) -> View:
    target = next(text for segment, text in TARGETS.items() if segment in template)
    return View("POST", template, _predict, codec, f"Predict with {target}", None, codec.statuses)


ALL_VIEWS = [_prediction(template, codec) for template, codec in ROUTES.items()]
ALL_VIEWS += native.views + openapi.views + operations.views + tensorflow.views + open_inference.views
ADMIN_VIEWS = [view for view in ALL_VIEWS if view.purpose != PAGE]


def create_app(settings: Settings | None = None) -> Flask:
    """Return the application when it has loaded the served versions, or after START_SECONDS; it follows the store."""
    settings = settings or Settings.from_environment(os.environ)
    metrics = Metrics([codec.name for codec in CODECS])
    reloader = CatalogueReloader(settings, metrics)
    access_log = AccessLog(settings.access_log)
    pipeline = PredictionPipeline(settings, lambda: reloader.catalogue, metrics, access_log)
    budget = MemoryBudget(settings.max_held_bytes)
    admin_only = {SCRAPE} if settings.admin_bind else set()
    views = [view for view in ALL_VIEWS if view.purpose not in admin_only]
    service = Service(settings, metrics, reloader, pipeline, budget, views, AdminAddress(), access_log, Event())
    app = _flask_app(service, UNKNOWN_PATH)
    app.before_request(tensorflow.malformed_request)
    if settings.admin_bind:
        admin = _flask_app(service._replace(views=ADMIN_VIEWS), UNKNOWN_ADMIN_PATH)
        app.extensions["npserve.admin"] = admin
        app.wsgi_app = partial(_by_address, service.admin, app.wsgi_app, admin)  # type: ignore[method-assign]
    reloader.start(START_SECONDS)
    return app


def _by_address(admin: AdminAddress, app: WSGIApp, admin_app: WSGIApp, *call: Any) -> Iterable[bytes]:
    """Call the app of the address that a request came to.

    Only gunicorn passes on the socket. SERVER_NAME and SERVER_PORT would not do: on a Unix socket they are from the
    Host header.
    """
    connection = call[0].get("gunicorn.socket")
    return (admin_app if connection and admin.matches(connection.getsockname()) else app)(*call)


def _flask_app(service: Service, unknown_path: str) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.json = JSONResponses(app)
    # Paths are not normalised: //predict is not redirected to /predict.
    app.url_map.merge_slashes = False
    app.url_map.converters["default"] = PathSegment
    app.extensions["npserve"] = service
    app.wsgi_app = BodyDeadline(app.wsgi_app, service.settings.body_seconds)  # type: ignore[method-assign]
    _add_routes(app, service)
    _add_errors(app, unknown_path)
    _add_requests(app, service)
    return app


def _add_routes(app: Flask, service: Service) -> None:
    for view in service.views:
        app.add_url_rule(
            view.template,
            f"{view.method} {view.template.replace('.', ' ')}",  # Flask reads a dot as the end of a blueprint's name
            partial(_call, view, service),
            methods=[view.method],
            strict_slashes=not view.template[1:].endswith("/"),  # /v2 matches /v2/ too
        )


def _call(view: View, service: Service, **segments: str) -> ResponseReturnValue:
    try:
        sent = view.handler(service, **segments)
    except RequestError as error:
        status, body = view.codec.encode_error(error)
        return Response(body, status, error.headers, mimetype="application/json")
    return Response(sent.body, sent.status, dict(sent.headers)) if isinstance(sent, PlainResponse) else sent


def _add_errors(app: Flask, unknown_path: str) -> None:
    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        # werkzeug joins a set of methods, whose order differs between processes.
        headers = {name: ", ".join(sorted(value.split(", "))) for name, value in error.get_headers() if name == "Allow"}
        code = error.code or 500
        messages = {
            404: unknown_path,
            405: f"{request.method} is not allowed for {request.path}: use {headers.get('Allow')}",
        }
        body = orjson.dumps({"error": messages.get(code, error.description)})
        return Response(body, code, headers, mimetype="application/json")

    @app.errorhandler(Exception)
    def unexpected(_: Exception) -> ResponseReturnValue:
        log.exception("request failed: internal error", extra={"request_id": g.get("request_id")})
        return Unexpected().body(), Unexpected.status


def _check_head(service: Service) -> Response | None:
    """Return the error for an invalid head, which a WSGI server may pass on; None if it is valid.

    It is counted without its method and route, as in the event-loop server.
    """
    version, coding = request.environ["SERVER_PROTOCOL"].removeprefix("HTTP/"), request.headers.get("Transfer-Encoding")
    try:
        check_host(version, request.headers.get("Host"))
        if coding is not None:
            check_transfer_encoding(version, coding)
    except RequestError as error:
        service.record("", None, error.status, g.request_id, g.began)
        sent = {"X-Request-ID": g.request_id}
        return Response(orjson.dumps(error.body()), error.status, sent, mimetype="application/json")
    return None


def _check_length(service: Service, routes: Routes) -> Response | None:
    """Return the error for a Content-Length that only predictions may have; `_predict` has their limits."""
    limit = service.pipeline.body_limit(None, request.headers)
    if (request.content_length or 0) <= limit:
        return None
    view = routes.find(request.method, request.path)
    if view and view.template in ROUTES:
        return None
    error = unexpected_body(limit)
    service.record(request.method, view and view.template, error.status, g.request_id, g.began)
    sent = error_response(view.codec if view else Codec, error, g.request_id)
    return Response(sent.body, sent.status, dict(sent.headers))


def _add_requests(app: Flask, service: Service) -> None:
    """Set the start time and the ID of each request; count the responses that `handle` has not counted.

    These also get the headers for browsers. Predictions do not: they are responses to a POST with a declared type, the
    event-loop server sends them without the app, and every header costs time there.
    """

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        g.request_id = read_request_id(request.headers)

    app.before_request(partial(_check_head, service))
    app.before_request(partial(_check_length, service, Routes(service.views)))

    @app.after_request
    def finish(response: Response) -> Response:
        if request.method == "OPTIONS" and response.allow:
            response.headers["Allow"] = ", ".join(sorted(response.allow))
        if "X-Request-ID" not in response.headers:
            route = request.url_rule.rule if request.url_rule else None
            service.record(request.method, route, response.status_code, g.request_id, g.began)
            response.headers["X-Request-ID"] = g.request_id
            # werkzeug removes the default type of a 304 only when it is sent.
            content_type = None if response.status_code == 304 else response.headers.get("Content-Type")
            for name, value in browser_headers(content_type).items():
                response.headers.setdefault(name, value)
        return response
