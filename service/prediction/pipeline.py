"""One prediction, whichever adapter carries it: route, decode, validate, predict, encode, count.

A call goes through four stages: `begin` decodes it, `compute` runs calls to the same version through the network
together, `finish` encodes, `count` counts. `handle` takes one call through all four. Nothing here knows a framework;
an adapter reads the body, at most one byte more than `body_limit` allows, and decides nothing.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.errors import MAX_DETAILS, NO_SUCH_PATH, InvalidInput, NotFound, Problem, RequestError, Unexpected
from service.metrics.registry import Metrics
from service.prediction.catalogue import Catalogue, Endpoint
from service.prediction.forward import Predictions, forward
from service.prediction.messages import Headers, Request, Response
from service.protocols import Codec, DecodedRequest, EncodedResponse, find_route
from service.protocols.codec import JSON_HEADERS
from service.protocols.native.codec import NativeCodec
from service.settings import Settings

log = logging.getLogger("npserve")


@dataclass(slots=True)
class PredictionCall:
    """A request on its way through the stages: what is known of it so far, and the perf_counter at each of them."""

    request: Request
    codec: type[Codec] = NativeCodec
    template: str | None = None
    endpoint: Endpoint | None = None
    decoded: DecodedRequest | None = None
    predictions: Predictions | None = None
    classes: npt.NDArray[np.intp] | None = None
    error: RequestError | None = None
    decode_began: float = 0.0
    decode_ended: float = 0.0
    forward_began: float = 0.0
    forward_ended: float = 0.0
    encode_began: float = 0.0
    ended: float = 0.0
    status: int = 200

    @property
    def queue_seconds(self) -> float:
        """Seconds between its last byte and its decoding, and between that and its forward pass."""
        return self.decode_began - self.request.completed + self.forward_began - self.decode_ended


class PredictionPipeline:
    """Answers prediction requests from what the catalogue holds at that moment."""

    def __init__(self, settings: Settings, catalogue: Callable[[], Catalogue], metrics: Metrics) -> None:
        self._settings, self._catalogue, self._metrics = settings, catalogue, metrics

    def handle(self, request: Request) -> Response:
        """Answer one request; never raises."""
        (response,) = self.handle_many([request])
        return response

    def handle_many(self, requests: Sequence[Request]) -> list[Response]:
        """Answer requests that arrived together; those to the same version share a forward pass."""
        calls = [*self.begin(requests)]
        for batch in group_by_version(calls):
            self.compute(batch)
        responses = self.finish(calls)
        self.count(calls)
        return responses

    def body_limit(self, path: str, headers: Headers) -> int:
        """Return the largest body, in bytes, that a request with this path and these headers may have."""
        route = find_route(path)
        binary = route is not None and route.codec.is_binary(headers)
        return self._settings.max_binary_bytes if binary else self._settings.max_body_bytes

    def begin(self, requests: Sequence[Request]) -> Iterator[PredictionCall]:
        """Find the endpoints and decode the bodies, each as it is taken; a call that fails carries its error."""
        self._metrics.in_flight.inc(len(requests))
        return (self._begin(PredictionCall(request)) for request in requests)

    def _begin(self, call: PredictionCall) -> PredictionCall:
        request = call.request
        try:
            route = find_route(request.path)
            if route is None:
                raise NotFound(NO_SUCH_PATH)
            call.codec, call.template = route.codec, route.template
            call.endpoint = endpoint = self._catalogue().find(**route.segments)
            call.decode_began = time.perf_counter()
            call.decoded = endpoint.codecs[route.codec].decode(request)
            call.decode_ended = time.perf_counter()
        except Exception as error:
            _fail(call, error)
        return call

    def compute(self, calls: Sequence[PredictionCall]) -> None:
        """Run the rows of calls to one version through its network in one pass. Any thread may do it."""
        try:
            self._compute(calls)
        except Exception as error:
            if len(calls) == 1:
                _fail(calls[0], error)
                return
            for call in calls:  # one failing call does not fail the others
                self.compute([call])

    def _compute(self, calls: Sequence[PredictionCall]) -> None:
        endpoint = calls[0].endpoint
        rows = [call.decoded.codes for call in calls if call.decoded]
        assert endpoint is not None
        began = time.perf_counter()
        model = endpoint.version.artifact.model
        codes = rows[0] if len(rows) == 1 else np.concatenate(rows)
        predictions = forward(model, codes, deterministic=bool(self._settings.deterministic))
        ended = time.perf_counter()
        all_finite, start = predictions.finite.all(), 0
        for call, own in zip(calls, rows, strict=True):
            call.predictions = predictions.take(slice(start, start := start + len(own)))
            call.classes, call.forward_began, call.forward_ended = call.predictions.classes, began, ended
            if not all_finite and not call.predictions.finite.all():
                overflowed = np.flatnonzero(~call.predictions.finite)[: MAX_DETAILS + 1]  # no more are reported
                call.error = _overflow_error(call, overflowed.tolist())

    def finish(self, calls: Sequence[PredictionCall]) -> list[Response]:
        """Encode the responses."""
        responses = [self._respond(call) for call in calls]
        self._metrics.in_flight.dec(len(calls))
        return responses

    def _respond(self, call: PredictionCall) -> Response:
        call.encode_began = time.perf_counter()
        if call.error is None:
            try:
                encoded = _encode(call)
            except Exception as error:
                _fail(call, error)
        if call.error is not None:
            call.status, body = call.codec.encode_error(call.error)
            encoded = EncodedResponse(body, {**JSON_HEADERS, **call.error.headers})
        call.ended = time.perf_counter()
        # It may be counted much later: until then only what is small is kept.
        call.request.body, call.decoded, call.predictions = b"", None, None
        return Response(call.status, {**encoded.headers, "X-Request-ID": call.request.request_id}, encoded.body)

    def count(self, calls: Sequence[PredictionCall]) -> None:
        """Count calls together: each write goes to pages that all workers share, and costs more than all else."""
        for batch in _group_by(calls, _metric_key):
            self._count_batch(batch)

    def _count_batch(self, calls: Sequence[PredictionCall]) -> None:
        first = calls[0]
        self._metrics.count_http(first.request.method, first.template, first.status, len(calls))
        if first.endpoint is None:
            return
        metrics, error = first.endpoint.metrics, first.error
        outcome = error.outcome if error else "ok"
        metrics.requests(first.codec.name, outcome).observe_many([call.ended - call.request.began for call in calls])
        if error:
            self._metrics.rejected.labels(first.endpoint.version.name, error.reason).inc(len(calls))
            return
        stages = metrics.stages
        stages["decode"].observe_many([call.decode_ended - call.decode_began for call in calls])
        stages["queue"].observe_many([call.queue_seconds for call in calls])
        stages["forward"].observe_many([call.forward_ended - call.forward_began for call in calls])
        stages["encode"].observe_many([call.ended - call.encode_began for call in calls])
        metrics.count_predictions([call.classes for call in calls if call.classes is not None])


def _encode(call: PredictionCall) -> EncodedResponse:
    assert call.endpoint is not None
    assert call.decoded is not None
    assert call.predictions is not None
    encoded = call.endpoint.codecs[call.codec].encode(call.decoded, call.predictions)
    return EncodedResponse(encoded.body, {**encoded.headers, **call.endpoint.headers})


def _metric_key(call: PredictionCall) -> Hashable:
    """Return what calls have in common that are counted together."""
    error = call.error and (call.error.outcome, call.error.reason)
    return id(call.endpoint), call.codec, error, call.request.method, call.template, call.status


def _group_by(calls: Sequence[PredictionCall], key: Callable[[PredictionCall], Hashable]) -> list[list[PredictionCall]]:
    groups: dict[Hashable, list[PredictionCall]] = defaultdict(list)
    for call in calls:
        groups[key(call)].append(call)
    return [*groups.values()]


def group_by_version(calls: Sequence[PredictionCall]) -> list[list[PredictionCall]]:
    """Group the calls that were decoded without an error by the version that they go to."""
    return _group_by([call for call in calls if call.error is None], lambda call: id(call.endpoint))


def _fail(call: PredictionCall, error: Exception) -> None:
    if not isinstance(error, RequestError):
        log.error("a prediction failed", exc_info=error, extra={"request_id": call.request.request_id})
        error = Unexpected()
    call.error = error


def _overflow_error(call: PredictionCall, rows: list[int]) -> InvalidInput:
    """Return the error for rows whose numbers are so large that the sums overflow."""
    return InvalidInput(
        [Problem(call.codec.location(row), "numbers that the model can add up", "numbers too large") for row in rows]
    )
