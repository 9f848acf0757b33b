"""A prediction in the pipeline: one type for the outcome of each step.

PendingRequest -> decode -> PredictionCall -> compute -> Result -> respond -> Response and CallRecord. Only the record
outlives the response.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nn.features import Codes
from service.errors import RequestError
from service.prediction.catalogue import Endpoint
from service.prediction.forward import Predictions
from service.prediction.messages import Request, Response
from service.protocols import DecodedRequest, Route

Result = Predictions | RequestError


@dataclass(slots=True)
class PendingRequest:
    """A complete request, the route that its path matches, and the callback for its response.

    `is_large` is whether its costs are estimated and measured. `work_seconds` is the estimate for its decoding and its
    forward pass; `queued` is the time (perf_counter) when it was queued. Before one that waits for the decoding thread,
    work of `ahead_seconds` was queued.
    """

    request: Request
    route: Route
    respond: Callable[[Response], None]
    work_seconds: float = 0.0
    queued: float = 0.0
    ahead_seconds: float = 0.0
    is_large: bool = field(init=False)

    def __post_init__(self) -> None:
        self.is_large = self.request.is_large


@dataclass(slots=True)
class Timings:
    """Values of perf_counter: end of the headers, end of the body, begin and end of each stage."""

    began: float
    completed: float
    decode_began: float = 0.0
    decode_ended: float = 0.0
    forward_began: float = 0.0
    forward_ended: float = 0.0
    encode_began: float = 0.0
    ended: float = 0.0

    def stages(self) -> tuple[float, float, float, float]:
        """Return the seconds of each of STAGES: decode, queue (before decode and before forward), forward, encode."""
        decode, forward = self.decode_ended - self.decode_began, self.forward_ended - self.forward_began
        queue = self.decode_began - self.completed + self.forward_began - self.decode_ended
        return decode, queue, forward, self.ended - self.encode_began


@dataclass(slots=True)
class PredictionCall:
    """A decoded request, its endpoint, and the estimated seconds of its forward pass."""

    pending: PendingRequest
    endpoint: Endpoint
    decoded: DecodedRequest
    work_seconds: float
    timings: Timings

    @property
    def rows(self) -> int:
        return len(self.decoded.codes)

    @property
    def queued_seconds(self) -> float:
        """The estimated seconds of a forward pass of its own, at the measured pace."""
        return self.work_seconds * self.endpoint.work.pace

    @property
    def shared_seconds(self) -> float:
        """The estimated seconds that the rows add to a pass that others share: the weights are read once."""
        return self.endpoint.row_seconds * self.rows * self.endpoint.work.pace


Decoded = PredictionCall | RequestError


class CallLabels(NamedTuple):
    """The labels by which calls are grouped and counted; `endpoint` is None if none was found."""

    endpoint: Endpoint | None
    protocol: str
    template: str
    status: int = 200
    outcome: str = "ok"
    reason: str = ""


class CallRecord(NamedTuple):
    """The part of a call that is counted: labels, timings, request ID, predicted classes (B,), and codes (B, K)."""

    labels: CallLabels
    timings: Timings
    request_id: str
    classes: npt.NDArray[np.intp]
    codes: Codes
