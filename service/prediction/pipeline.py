"""One prediction, whatever door it came through: route, decode, validate, predict, encode, count.

A call goes through four stages: `begin` reads it, `compute` runs calls to the same version through
the network together, `finish` answers, `count` counts. `handle` takes one call through all four.
What is behind a door knows no framework; a door reads the body, at most one byte more than
`most_bytes` says, and decides nothing.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from service.errors import MOST_DETAILS, NO_SUCH_PATH, CallError, InvalidInput, NotFound, Problem, Unexpected
from service.metrics.registry import Metrics
from service.prediction.catalogue import Catalogue, Endpoint
from service.prediction.forward import Predicted, forward
from service.prediction.messages import Answer, Headers, Request
from service.protocols import Asked, Codec, find_route
from service.protocols.codec import JSON, Reply
from service.protocols.native.codec import Native
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
    classes: npt.NDArray[np.intp] | None = None
    error: CallError | None = None
    decode_began: float = 0.0
    decode_ended: float = 0.0
    forward_began: float = 0.0
    forward_ended: float = 0.0
    encode_began: float = 0.0
    ended: float = 0.0
    status: int = 200

    @property
    def waited(self) -> float:
        """Seconds between its last byte and its reading, and between that and its forward pass."""
        return self.decode_began - self.request.whole + self.forward_began - self.decode_ended


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
        calls = [*self.begin(requests)]
        for together in group(calls):
            self.compute(together)
        answers = self.finish(calls)
        self.count(calls)
        return answers

    def most_bytes(self, path: str, headers: Headers) -> int:
        """Return how long the body of a request may be."""
        route = find_route(path)
        binary = route is not None and route.codec.is_binary(headers)
        return self._settings.max_binary_bytes if binary else self._settings.max_body_bytes

    def begin(self, requests: Sequence[Request]) -> Iterator[Call]:
        """Find what answers, and read the bodies, each when it is asked for; a call that fails carries its error."""
        self._metrics.in_flight.inc(len(requests))
        return (self._begin(Call(request)) for request in requests)

    def _begin(self, call: Call) -> Call:
        request = call.request
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
            call.classes, call.forward_began, call.forward_ended = call.predicted.classes, began, ended
            if not whole and not call.predicted.finite.all():
                wrong = np.flatnonzero(~call.predicted.finite)[: MOST_DETAILS + 1]  # no more are told
                call.error = _too_large(call, wrong.tolist())

    def finish(self, calls: Sequence[Call]) -> list[Answer]:
        """Write the answers."""
        answers = [self._answer(call) for call in calls]
        self._metrics.in_flight.dec(len(calls))
        return answers

    def _answer(self, call: Call) -> Answer:
        call.encode_began = time.perf_counter()
        if call.error is None:
            try:
                reply = _encode(call)
            except Exception as error:
                _fail(call, error)
        if call.error is not None:
            call.status, body = call.speaks.refuse(call.error)
            reply = Reply(body, {**JSON, **call.error.headers})
        call.ended = time.perf_counter()
        # It may be counted much later: until then only what is small is kept.
        call.request.body, call.asked, call.predicted = b"", None, None
        return Answer(call.status, {**reply.headers, "X-Request-ID": call.request.identity}, reply.body)

    def count(self, calls: Sequence[Call]) -> None:
        """Count calls together: each write goes to pages that all workers share, and takes longer than all else."""
        for alike in _alike(calls, _kind):
            self._count_alike(alike)

    def _count_alike(self, calls: Sequence[Call]) -> None:
        first = calls[0]
        self._metrics.count_http(first.request.method, first.template, first.status, len(calls))
        if first.endpoint is None:
            return
        meters, error = first.endpoint.meters, first.error
        outcome = error.outcome if error else "ok"
        meters.requests(first.speaks.name, outcome).observe_many([call.ended - call.request.began for call in calls])
        if error:
            self._metrics.rejected.labels(first.endpoint.version.name, error.reason).inc(len(calls))
            return
        stages = meters.stages
        stages["decode"].observe_many([call.decode_ended - call.decode_began for call in calls])
        stages["queue"].observe_many([call.waited for call in calls])
        stages["forward"].observe_many([call.forward_ended - call.forward_began for call in calls])
        stages["encode"].observe_many([call.ended - call.encode_began for call in calls])
        meters.count_predictions([call.classes for call in calls if call.classes is not None])


def _encode(call: Call) -> Reply:
    assert call.endpoint is not None
    assert call.asked is not None
    assert call.predicted is not None
    reply = call.endpoint.codecs[call.speaks].encode(call.asked, call.predicted)
    return Reply(reply.body, {**reply.headers, **call.endpoint.headers})


def _kind(call: Call) -> Hashable:
    """Return what calls have in common that are counted together."""
    error = call.error and (call.error.outcome, call.error.reason)
    return id(call.endpoint), call.speaks, error, call.request.method, call.template, call.status


def _alike(calls: Sequence[Call], key: Callable[[Call], Hashable]) -> list[list[Call]]:
    """Put calls of the same key together."""
    groups: dict[Hashable, list[Call]] = defaultdict(list)
    for call in calls:
        groups[key(call)].append(call)
    return [*groups.values()]


def group(calls: Sequence[Call]) -> list[list[Call]]:
    """Put calls that are read without an error together by the version that they go to."""
    return _alike([call for call in calls if call.error is None], lambda call: id(call.endpoint))


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
