"""One prediction, whatever door it came through: route, decode, validate, predict, encode, count.

`handle` knows no framework. What calls it reads the body, at most one byte more than is allowed,
and decides nothing.
"""

import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import orjson

from nn.activations import Array
from nn.features import Codes
from service.catalogue import Catalogue, Endpoint
from service.errors import (
    NO_SUCH_PATH,
    CallError,
    InvalidInput,
    NotFound,
    NotJSON,
    Problem,
    TooLarge,
    Unexpected,
    WrongContentType,
    pointer,
)
from service.metrics import Metrics
from service.rows import KEY, read_body
from service.settings import Settings

log = logging.getLogger("npserve")

# The templates name the routes in the metrics; a group is a word to be looked up in the catalogue.
ROUTES = {
    "/predict": re.compile(r"/predict"),
    "/models/<name>/predict": re.compile(r"/models/(?P<name>[^/]+)/predict"),
    "/models/<name>/versions/<version>/predict": re.compile(
        r"/models/(?P<name>[^/]+)/versions/(?P<version>[^/]+)/predict"
    ),
    "/models/<name>/aliases/<alias>/predict": re.compile(r"/models/(?P<name>[^/]+)/aliases/(?P<alias>[^/]+)/predict"),
}
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Headers(Protocol):
    """Header fields by name, in any case of letters."""

    def get(self, name: str, /) -> str | None:
        """Return a field, or None."""


@dataclass(frozen=True)
class Request:
    """A request whose body has been read; `began` is the perf_counter when its headers ended."""

    method: str
    path: str
    headers: Headers
    body: bytes
    began: float


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Calls:
    """Answers prediction requests from what the catalogue holds at that moment."""

    def __init__(self, settings: Settings, catalogue: Callable[[], Catalogue], metrics: Metrics) -> None:
        self._settings, self._catalogue, self._metrics = settings, catalogue, metrics

    def handle(self, request: Request) -> Answer:
        """Answer one request; never raises."""
        identity = request_id(request.headers)
        metrics = self._metrics
        metrics.in_flight.inc()
        template, endpoint, outcome = None, None, "ok"
        try:
            template, words = _match(request.path)
            endpoint = self._catalogue().find(**words)
            status, body = 200, self._predict(endpoint, request)
            headers = {}
        except CallError as error:
            outcome = "error" if error.status >= 500 else "invalid"
            status, body, headers = error.status, orjson.dumps(error.body()), error.headers
            if endpoint:
                metrics.rejected.labels(endpoint.version.name, error.reason).inc()
        except Exception:
            log.exception("a prediction failed", extra={"request_id": identity})
            outcome, unexpected = "error", Unexpected()
            status, body, headers = unexpected.status, orjson.dumps(unexpected.body()), {}
        finally:
            metrics.in_flight.dec()
        if endpoint:
            endpoint.meters.requests[outcome].observe(time.perf_counter() - request.began)
        metrics.count_http(request.method, template, status)
        return Answer(status, {"Content-Type": "application/json", "X-Request-ID": identity, **headers}, body)

    def _predict(self, endpoint: Endpoint, request: Request) -> bytes:
        """Run the stages; each is observed once."""
        meters, times = endpoint.meters, [time.perf_counter()]
        codes = self._decode(endpoint, request)
        times.append(time.perf_counter())
        outputs = _forward(endpoint, codes)
        times.append(time.perf_counter())
        body = _encode(endpoint, outputs)
        times.append(time.perf_counter())
        meters.stages["queue"].observe(times[0] - request.began)
        for stage, began, ended in zip(("decode", "forward", "encode"), times, times[1:], strict=False):
            meters.stages[stage].observe(ended - began)
        meters.rows.inc(len(codes))
        return body

    def _decode(self, endpoint: Endpoint, request: Request) -> Codes:
        """Body -> codes of its rows (B, K), or the error that says why not."""
        limit = self._settings.max_body_bytes
        if len(request.body) > limit:
            raise TooLarge(f"the body is larger than {limit} bytes: send fewer rows at a time")
        _check_content_type(request.headers)
        return read_body(endpoint.schema, parse_json(request.body))


def _match(path: str) -> tuple[str, dict[str, Any]]:
    for template, pattern in ROUTES.items():
        if match := pattern.fullmatch(path):
            return template, {"name": None, **match.groupdict()}
    raise NotFound(NO_SUCH_PATH)


def request_id(headers: Headers) -> str:
    """Return the caller's X-Request-ID where it is a harmless word, else a new one."""
    given = headers.get("x-request-id") or ""
    return given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def _check_content_type(headers: Headers) -> None:
    given = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    if given not in ("", "application/json"):
        raise WrongContentType(f"the body is sent as {given[:100]}: send the header Content-Type: application/json")
    encoding = (headers.get("content-encoding") or "identity").strip().lower()
    if encoding != "identity":
        raise WrongContentType("the body is compressed: send it without Content-Encoding")


def parse_json(body: bytes) -> Any:
    """Parse strictly: NaN, Infinity, 1e400, bad UTF-8 and endless nesting are no JSON."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJSON(f"the body is not JSON: {error}" if body else "the body is empty; expected JSON") from error


def _forward(endpoint: Endpoint, codes: Codes) -> Array:
    """Codes (B, K) -> outputs (B, C). Numbers so large that the sums overflow are refused."""
    model = endpoint.version.artifact.model
    logits = model.logits(codes)
    if not (finite := np.isfinite(logits).all(axis=1)).all():
        raise InvalidInput(
            [
                Problem(pointer(KEY, int(row)), "numbers that the model can add up", "numbers too large")
                for row in np.flatnonzero(~finite)
            ]
        )
    return model.network.activate(logits)


def _encode(endpoint: Endpoint, outputs: Array) -> bytes:
    """Outputs (B, C) -> the JSON of the answer."""
    version, model = endpoint.version, endpoint.version.artifact.model
    answer: dict[str, Any] = {"model": version.name, "version": version.number}
    if model.task == "regression":
        answer["predictions"] = outputs[:, 0] if outputs.shape[1] == 1 else outputs
    else:
        classes = outputs.argmax(axis=1)
        endpoint.meters.count_predictions(classes)
        answer["predictions"] = [model.labels[i] for i in classes.tolist()]
        answer["probabilities"] = outputs
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)
