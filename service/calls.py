"""One prediction, whatever door it came through: route, decode, validate, predict, encode, count.

A call goes through three stages: `begin` reads it, `compute` runs calls to the same version through
the network together, `finish` answers and counts. `handle` takes one call through all three. What
is behind a door knows no framework; a door reads the body, at most one byte more than `most_bytes`
says, and decides nothing.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from service.catalogue import Catalogue, Endpoint
from service.errors import NO_SUCH_PATH, CallError, InvalidInput, NotFound, Problem, Unexpected
from service.forward import Predicted, forward
from service.metrics import Metrics
from service.protocols import Asked, Codec, find_route
from service.protocols.codec import JSON
from service.protocols.native import Native
from service.request import Answer, Headers, Request
from service.settings import Settings

log = logging.getLogger("npserve")


@dataclass(slots=True)
class Call:
    """A request on its way: what is known of it so far, and when it got there."""

    request: Request
    speaks: type[Codec] = Native
    template: str | None = None
    endpoint: Endpoint | None = None
    asked: Asked | None = None
    predicted: Predicted | None = None
    error: CallError | None = None
    decode_began: float = 0.0
    decode_ended: float = 0.0
    forward_began: float = 0.0
    forward_ended: float = 0.0


class Calls:
    """Answers prediction requests from what the catalogue holds at that moment."""

    def __init__(self, settings: Settings, catalogue: Callable[[], Catalogue], metrics: Metrics) -> None:
        self._settings, self._catalogue, self._metrics = settings, catalogue, metrics

    def handle(self, request: Request) -> Answer:
        """Answer one request; never raises."""
        (answer,) = self.handle_many([request])
        return answer

    def handle_many(self, requests: Sequence[Request]) -> list[Answer]:
        """Answer requests that came together; those to the same version share a forward pass."""
        calls = [self.begin(request) for request in requests]
        for together in group(calls):
            self.compute(together)
        return [self.finish(call) for call in calls]

    def most_bytes(self, path: str, headers: Headers) -> int:
        """Return how long the body of a request may be."""
        route = find_route(path)
        binary = route is not None and route.codec.is_binary(headers)
        return self._settings.max_binary_bytes if binary else self._settings.max_body_bytes

    def begin(self, request: Request) -> Call:
        """Find what answers, and read the body; a call that fails carries its error."""
        call = Call(request)
        self._metrics.in_flight.inc()
        try:
            route = find_route(request.path)
            if route is None:
                raise NotFound(NO_SUCH_PATH)
            call.speaks, call.template = route.codec, route.template
            call.endpoint = endpoint = self._catalogue().find(**route.words)
            call.decode_began = time.perf_counter()
            call.asked = endpoint.codecs[route.codec].decode(request)
            call.decode_ended = time.perf_counter()
        except Exception as error:
            _fail(call, error)
        return call

    def compute(self, calls: Sequence[Call]) -> None:
        """Run the rows of calls to one version through its network in one pass. Any thread may do it."""
        try:
            self._compute(calls)
        except Exception as error:
            if len(calls) == 1:
                _fail(calls[0], error)
                return
            for call in calls:  # one of them spoils no other
                self.compute([call])

    def _compute(self, calls: Sequence[Call]) -> None:
        endpoint = calls[0].endpoint
        rows = [call.asked.codes for call in calls if call.asked]
        assert endpoint is not None
        began = time.perf_counter()
        model = endpoint.version.artifact.model
        codes = rows[0] if len(rows) == 1 else np.concatenate(rows)
        predicted = forward(model, codes, deterministic=bool(self._settings.deterministic))
        ended = time.perf_counter()
        whole, start = predicted.finite.all(), 0
        for call, own in zip(calls, rows, strict=True):
            call.predicted = predicted.part(slice(start, start := start + len(own)))
            call.forward_began, call.forward_ended = began, ended
            if not whole and not call.predicted.finite.all():
                call.error = _too_large(call, np.flatnonzero(~call.predicted.finite).tolist())

    def finish(self, call: Call) -> Answer:
        """Write the answer, and count it."""
        headers = {"X-Request-ID": call.request.identity}
        endpoint, status, began = call.endpoint, 200, time.perf_counter()
        if call.error is None:
            try:
                assert endpoint is not None
                assert call.asked is not None
                assert call.predicted is not None
                reply = endpoint.codecs[call.speaks].encode(call.asked, call.predicted)
                body = reply.body
                headers = {**reply.headers, **endpoint.headers, **headers}
                self._count_stages(call, endpoint, call.predicted, began)
            except Exception as error:
                _fail(call, error)
        if call.error is not None:
            status, body = call.speaks.refuse(call.error)
            headers = {**JSON, **call.error.headers, **headers}
        self._count(call, status)
        return Answer(status, headers, body)

    def _count_stages(self, call: Call, endpoint: Endpoint, predicted: Predicted, encode_began: float) -> None:
        meters, stages = endpoint.meters, endpoint.meters.stages
        stages["decode"].observe(call.decode_ended - call.decode_began)
        waited = call.decode_began - call.request.began + call.forward_began - call.decode_ended
        stages["queue"].observe(waited)
        stages["forward"].observe(call.forward_ended - call.forward_began)
        stages["encode"].observe(time.perf_counter() - encode_began)
        meters.rows.inc(len(predicted.classes))
        if endpoint.version.artifact.model.labels:
            meters.count_predictions(predicted.classes)

    def _count(self, call: Call, status: int) -> None:
        metrics, endpoint, error = self._metrics, call.endpoint, call.error
        if endpoint:
            if error:
                metrics.rejected.labels(endpoint.version.name, error.reason).inc()
            outcome = error.outcome if error else "ok"
            seconds = time.perf_counter() - call.request.began
            endpoint.meters.requests(call.speaks.name, outcome).observe(seconds)
        metrics.count_http(call.request.method, call.template, status)
        metrics.in_flight.dec()


def group(calls: Sequence[Call]) -> list[list[Call]]:
    """Put calls that are read without an error together by the version that they go to."""
    groups: dict[int, list[Call]] = {}
    for call in calls:
        if call.error is None:
            groups.setdefault(id(call.endpoint), []).append(call)
    return [*groups.values()]


def _fail(call: Call, error: Exception) -> None:
    if not isinstance(error, CallError):
        log.error("a prediction failed", exc_info=error, extra={"request_id": call.request.identity})
        error = Unexpected()
    call.error = error


def _too_large(call: Call, rows: list[int]) -> InvalidInput:
    """Numbers so large that the sums overflow are refused."""
    return InvalidInput(
        [Problem(call.speaks.place(row), "numbers that the model can add up", "numbers too large") for row in rows]
    )
