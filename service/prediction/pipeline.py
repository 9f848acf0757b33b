"""A prediction in four steps, independent of the adapter: decode, compute, respond, count.

`decode` converts requests to calls; a request that fails there gets its error response at once, and yields no call.
`compute` runs calls to one version through its network, in any thread. `respond` encodes and sends their responses.
`counter` holds the completed calls until they are counted. `answer` is compute and respond for calls that need not
wait, and `handle` runs all four steps for one request. This module depends on no web framework; an adapter only reads
the body, at most one byte above `body_limit`.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from time import perf_counter

import numpy as np

from service.errors import MAX_DETAILS, InvalidInput, Problem, RequestError, TooLarge, Unexpected
from service.logs.access_log import AccessLog
from service.metrics.registry import Metrics
from service.prediction.calls import CallLabels, CallRecord, Decoded, PendingRequest, PredictionCall, Result, Timings
from service.prediction.catalogue import Catalogue, Endpoint
from service.prediction.collection import WithoutCollection
from service.prediction.counting import CallCounter
from service.prediction.forward import Predictions, forward
from service.prediction.messages import LARGE_BODY, Headers, Request, Response, check_deadline, read_timeout
from service.prediction.work import MIN_PASS_SECONDS
from service.protocols import Codec, DecodedRequest, Route
from service.protocols.codec import BINARY_BYTES, error_response
from service.settings import Settings

log = logging.getLogger("npserve")

# The response to a small request, and its rows, are not reserved up to this size: they exist for a turn of the event
# loop, or until a slow client has read them, which its connection then counts.
UNRESERVED_BYTES = 2**15
NO_CLASSES, NO_CODES = np.empty(0, np.intp), np.empty((0, 0))


class PredictionPipeline:
    """Responds to prediction requests with the versions that are in the catalogue at that moment."""

    def __init__(
        self, settings: Settings, catalogue: Callable[[], Catalogue], metrics: Metrics, access_log: AccessLog
    ) -> None:
        self._settings, self._catalogue, self._metrics = settings, catalogue, metrics
        self.counter = CallCounter(metrics, access_log)
        # A response is at most eight times as large as `row_bytes` say: with labels, or several outputs.
        self._few_rows = min(UNRESERVED_BYTES, settings.max_response_bytes) // 8

    def handle(self, request: Request, route: Route) -> Response:
        """Process and count one request. Never raises."""
        responses: list[Response] = []
        self.answer(self.decode([PendingRequest(request, route, responses.append)]))
        self.counter.count()
        return responses[0]

    def body_limit(self, route: Route | None, headers: Headers) -> int:
        """Return the largest body, in bytes, of a request with this route and these headers.

        A request that is not a prediction has no route.
        """
        if route is None:
            return LARGE_BODY
        return self._settings.max_binary_bytes if route.codec.is_binary(headers) else self._settings.max_body_bytes

    def pass_seconds(self, route: Route, rows: int) -> float:
        """Return the estimated seconds of a forward pass."""
        endpoint = self._endpoint(route)
        return endpoint.pass_seconds(rows) if endpoint else 0.0

    def estimate(self, route: Route, request: Request, size: int) -> float:
        """Return the estimated seconds of work of a large request with a body of `size` bytes, before it is decoded."""
        endpoint = self._endpoint(route)
        return endpoint.request_seconds(route.codec, request, size) if endpoint else 0.0

    def reject(self, pending: PendingRequest, error: RequestError) -> None:
        """Respond with an error to a request that is not decoded."""
        self._reject(pending, self._endpoint(pending.route), error)

    def _endpoint(self, route: Route) -> Endpoint | None:
        with suppress(RequestError):
            return self._catalogue().find(**route.segments)
        return None

    def decode(self, pending: Sequence[PendingRequest]) -> list[PredictionCall]:
        """Decode requests. Return the calls; requests that fail get an error response."""
        return self.accept([(each, self.read(each)) for each in pending])

    def accept(self, decoded: Sequence[tuple[PendingRequest, Decoded]]) -> list[PredictionCall]:
        """Return the calls among the results of `read`, and respond with the errors."""
        calls = list[PredictionCall]()
        for pending, result in decoded:
            if isinstance(result, PredictionCall):
                calls.append(result)
            else:
                self.reject(pending, result)
        self._metrics.in_flight.add(len(calls))
        return calls

    def read(self, pending: PendingRequest) -> Decoded:
        """Find the endpoint of a request and decode its body, in any thread."""
        route, request = pending.route, pending.request
        try:
            if (timeout := read_timeout(request.headers)) is not None:
                request.allow(timeout)
                check_deadline(request)
            endpoint = self._catalogue().find(**route.segments)
            if request.error is not None:
                raise request.error
            codec, began = endpoint.codecs[route.codec], perf_counter()
            decoded = _decode_large(endpoint, pending) if pending.is_large else codec.decode(request)
            if request.deadline != inf:  # a protocol may set it
                check_deadline(request)
            timings, rows = Timings(request.began, request.completed, began, perf_counter()), len(decoded.codes)
            if pending.is_large or rows > self._few_rows // codec.row_bytes:
                self._reserve_response(request, codec, decoded)
        except Exception as error:
            return _expected(error, request)
        return PredictionCall(pending, endpoint, decoded, endpoint.pass_seconds(rows), timings)

    def _reserve_response(self, request: Request, codec: Codec, decoded: DecodedRequest) -> None:
        """Replace the memory for decoding by that for the rows, outputs and response, which may be much larger."""
        size = codec.response_bytes(decoded)
        if size > self._settings.max_response_bytes:
            limit = f"at most {self._settings.max_response_bytes} are sent"
            advice = "send fewer rows per request, or request fewer or binary outputs"
            raise TooLarge(f"the response would have about {size} bytes; {limit}: {advice}")
        outputs = len(decoded.codes) * codec.model.network.outputs * BINARY_BYTES
        request.reservation.resize(decoded.codes.nbytes + outputs + size)

    def answer(self, calls: Sequence[PredictionCall]) -> None:
        """Compute calls, those to the same version in one batch, and respond."""
        by_version: dict[Endpoint, list[PredictionCall]] = defaultdict(list)
        for call in calls:
            by_version[call.endpoint].append(call)
        for batch in by_version.values():
            self.respond(batch, self.compute(batch))

    def compute(self, calls: Sequence[PredictionCall]) -> list[Result]:
        """Run the rows of calls to one version through its network in one pass. Return one result per call."""
        try:
            return self._compute(calls)
        except Exception as error:
            if len(calls) == 1:
                return [_expected(error, calls[0].pending.request)]
        # One call at a time, so that the failing one does not affect the others.
        return [result for call in calls for result in self.compute([call])]

    def _compute(self, calls: Sequence[PredictionCall]) -> list[Result]:
        rows = [call.decoded.codes for call in calls]
        began = perf_counter()
        codes = rows[0] if len(rows) == 1 else np.concatenate(rows)
        model = calls[0].endpoint.version.artifact.model
        predictions = forward(model, codes, deterministic=bool(self._settings.deterministic))
        ended = perf_counter()
        if ended - began >= MIN_PASS_SECONDS:
            calls[0].endpoint.observe_pass(len(codes), ended - began)
        results, start, all_finite = list[Result](), 0, predictions.finite.all()
        for call in calls:
            call.timings.forward_began, call.timings.forward_ended = began, ended
            own = predictions.take(slice(start, start := start + call.rows))
            results.append(own if all_finite or own.finite.all() else _overflow_error(call, own))
        return results

    def respond(self, calls: Sequence[PredictionCall], results: Sequence[Result]) -> None:
        """Send the responses to calls, from one result each."""
        self._metrics.in_flight.add(-len(calls))
        for call, result in zip(calls, results, strict=True):
            if isinstance(result, RequestError):
                self._reject(call.pending, call.endpoint, result)
            else:
                self._encode(call, result)
        if any(call.pending.is_large for call in calls):  # their rows are not needed any longer
            self.counter.count()

    def _encode(self, call: PredictionCall, predictions: Predictions) -> None:
        pending, endpoint, timings = call.pending, call.endpoint, call.timings
        request_id = pending.request.request_id
        timings.encode_began = perf_counter()
        try:
            encoded = endpoint.codecs[pending.route.codec].encode(call.decoded, predictions)
        except Exception as error:
            self._reject(pending, endpoint, error)
            return
        timings.ended = perf_counter()
        labels = CallLabels(endpoint, pending.route.codec.name, pending.route.template)
        codes = call.decoded.codes if endpoint.metrics.has_categories else NO_CODES
        self.counter.add(CallRecord(labels, timings, request_id, predictions.classes, codes))
        headers = {**encoded.headers, **endpoint.headers, "X-Request-ID": request_id}
        pending.respond(Response(200, headers, encoded.body))

    def _reject(self, pending: PendingRequest, endpoint: Endpoint | None, cause: Exception) -> None:
        request, codec = pending.request, pending.route.codec
        error = _expected(cause, request)
        response = error_response(codec, error, request.request_id)
        timings = Timings(request.began, request.completed, ended=perf_counter())
        labels = CallLabels(endpoint, codec.name, pending.route.template, response.status, error.outcome, error.reason)
        self.counter.add(CallRecord(labels, timings, request.request_id, NO_CLASSES, NO_CODES))
        pending.respond(response)


def _decode_large(endpoint: Endpoint, pending: PendingRequest) -> DecodedRequest:
    """Decode a body, learn from its costs, and drop it."""
    route, request, work = pending.route, pending.request, endpoint.work
    kind, size, began = (route.codec, request.is_compressed), len(request.body), perf_counter()
    request.reservation.resize(size)
    decoded = None
    try:
        with WithoutCollection():
            decoded = endpoint.codecs[route.codec].decode(request)
    finally:
        request.reservation.decoded()
        work.observe_decoding(kind, size, perf_counter() - began, is_complete=decoded is not None)
    work.observe_rows(kind, size, len(decoded.codes))
    request.body = b""
    return decoded


def _expected(error: Exception, request: Request) -> RequestError:
    """Return an error that may be sent. An unexpected one is logged, and replaced by an error without details."""
    if isinstance(error, RequestError):
        _forget_frames(error)
        return error
    log.error("prediction failed: internal error", exc_info=error, extra={"request_id": request.request_id})
    return Unexpected()


def _forget_frames(error: BaseException | None) -> None:
    """Drop the tracebacks of an error and its causes: their frames would keep the body alive."""
    while error is not None:
        error.__traceback__ = None
        error = error.__context__


def _overflow_error(call: PredictionCall, own: Predictions) -> InvalidInput:
    """Return the error for rows with numbers so large that their sums overflow float32."""
    location, rows = call.pending.route.codec.location, np.flatnonzero(~own.finite)[: MAX_DETAILS + 1].tolist()
    return InvalidInput(
        [Problem(location(row), "numbers whose sums fit in float32", "numbers that are too large") for row in rows]
    )
