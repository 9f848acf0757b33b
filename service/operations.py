"""The routes for operators: metrics, liveness and readiness."""

from flask import Response as FlaskResponse
from flask import request
from flask.typing import ResponseReturnValue

from service.prediction.messages import Response
from service.protocols.json_schema import record
from service.views import HEALTH, NOT_READY, SCRAPE, Service, Views, json_response

TEXTS = ["text/plain", "application/openmetrics-text"]

views = Views()


@views.route("/metrics", "Get Prometheus metrics of all workers", None, texts=TEXTS, purpose=SCRAPE)
def _scrape(service: Service) -> ResponseReturnValue:
    body, content_type = service.metrics.render(request.headers.get("Accept", ""))
    return FlaskResponse(body, content_type=content_type)


@views.route("/livez", "Check whether the process is alive", record(status={"const": "alive"}), purpose=HEALTH)
def _livez(_: Service) -> Response:
    return json_response({"status": "alive"})


_READY = record(status={"const": "ready"})


@views.route("/ping", "Check readiness (SageMaker)", _READY, NOT_READY, purpose=HEALTH)
@views.route("/readyz", "Check whether a model is ready to serve", _READY, NOT_READY, purpose=HEALTH)
def _readyz(service: Service) -> Response:
    if (reason := service.why_not_ready()) is None:
        return json_response({"status": "ready"})
    return json_response({"error": f"not ready: {reason}"}, 503, Retry_After="1")
