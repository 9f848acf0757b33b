"""The Flask app: the whole API under any WSGI server. Predictions go through `PredictionPipeline.handle`."""

import logging
import os
import time
from typing import NamedTuple

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException
from werkzeug.routing import BaseConverter

from service.errors import NO_SUCH_PATH, RequestError, Unexpected
from service.metrics.registry import Metrics
from service.openapi.views import openapi_views
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Request, read_request_id
from service.prediction.pipeline import PredictionPipeline
from service.prediction.reloader import CatalogueReloader
from service.protocols import ROUTES, Route
from service.protocols.body import read_stream
from service.protocols.native.codec import NativeCodec
from service.protocols.native.views import native_views
from service.protocols.open_inference.views import open_inference_views
from service.protocols.tensorflow.views import tensorflow_views
from service.responses import error_response, json_response
from service.settings import Settings

log = logging.getLogger("npserve")


class Service(NamedTuple):
    """What the app is made of, for the server that runs it."""

    settings: Settings
    metrics: Metrics
    reloader: CatalogueReloader
    pipeline: PredictionPipeline
    budget: MemoryBudget


class PathSegment(BaseConverter):
    """A segment of a path, as `find_route` matches it."""

    regex = "[^/:]+"
    part_isolating = True


def create_app(settings: Settings | None = None) -> Flask:
    """Load what the store serves, keep following the store, and return the application."""
    settings = settings or Settings.from_environment(os.environ)
    metrics = Metrics()
    reloader = CatalogueReloader(settings, metrics)
    pipeline = PredictionPipeline(settings, lambda: reloader.catalogue, metrics)
    app = Flask(__name__, static_folder=None)
    # Paths are not normalised: no redirect turns //predict into another path.
    app.url_map.merge_slashes = False
    app.url_map.converters["default"] = PathSegment
    service = Service(settings, metrics, reloader, pipeline, MemoryBudget(settings.max_held_bytes))
    app.extensions["npserve"] = service
    _add_predictions(app, service)
    _add_operations(app, reloader, metrics)
    _add_errors(app)
    _add_requests(app, metrics)
    app.register_blueprint(native_views(reloader))
    app.register_blueprint(tensorflow_views(reloader))
    app.register_blueprint(open_inference_views(reloader))
    app.register_blueprint(openapi_views(reloader))
    reloader.start()
    return app


def _add_predictions(app: Flask, service: Service) -> None:
    pipeline = service.pipeline

    def predict(**segments: str) -> Response:
        template = str(request.url_rule)
        route = Route(template, ROUTES[template], {"name": None, **segments})
        # One byte more than is allowed shows that there is too much; the rest is never read.
        body = read_stream(request.stream, pipeline.body_limit(route, request.headers) + 1)
        reservation = service.budget.reserve()
        sent = pipeline.handle(Request(request.headers, reservation, body, g.began), route)
        response = Response(sent.body, sent.status, dict(sent.headers))
        response.call_on_close(reservation.release)
        return response

    for template in ROUTES:
        app.add_url_rule(template, "predict", predict, methods=["POST"])


def _add_operations(app: Flask, reloader: CatalogueReloader, metrics: Metrics) -> None:
    """Add the routes for those who operate the service: health and metrics."""

    @app.get("/livez")
    def livez() -> Response:
        return json_response({"status": "alive"})

    @app.get("/ping")  # SageMaker asks here
    @app.get("/readyz")
    def readyz() -> Response:
        catalogue = reloader.catalogue
        if catalogue.ready:
            return json_response({"status": "ready"})
        return json_response({"error": f"not ready: {catalogue.why_not_ready()}"}, 503, {"Retry-After": "1"})

    @app.get("/metrics")
    def scrape() -> Response:
        body, content_type = metrics.render(request.headers.get("Accept", ""))
        return Response(body, content_type=content_type)


def _add_errors(app: Flask) -> None:
    @app.errorhandler(RequestError)
    def request_error(error: RequestError) -> Response:
        return error_response(NativeCodec, error)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        # The methods come as a set: in another order in every process.
        headers = {name: ", ".join(sorted(value.split(", "))) for name, value in error.get_headers() if name == "Allow"}
        if error.code == 404:
            return json_response({"error": NO_SUCH_PATH}, 404)
        if error.code == 405:
            return json_response({"error": f"{request.path} takes {headers.get('Allow')}"}, 405, headers)
        return json_response({"error": error.description}, error.code or 500, headers)

    @app.errorhandler(Exception)
    def unexpected(_: Exception) -> Response:
        log.exception("a request failed", extra={"request_id": g.get("request_id")})
        error = Unexpected()
        return json_response(error.body(), error.status)


def _add_requests(app: Flask, metrics: Metrics) -> None:
    """Give every request a clock and an ID, and count every response that `handle` has not counted."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        g.request_id = read_request_id(request.headers)

    @app.after_request
    def finish(response: Response) -> Response:
        if request.method == "OPTIONS" and response.allow:
            response.headers["Allow"] = ", ".join(sorted(response.allow))
        if "X-Request-ID" not in response.headers:
            route = request.url_rule.rule if request.url_rule else None
            metrics.count_http(request.method, route, response.status_code)
            response.headers["X-Request-ID"] = g.request_id
        return response
