"""A prediction on its way through the pipeline: a type for each step, with all that the step before has found.

PendingRequest -> decode -> PredictionCall -> compute -> Result -> respond -> Response and CallRecord. Only the record
outlives the response.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from service.errors import RequestError
from service.prediction.catalogue import Endpoint
from service.prediction.forward import Predictions
from service.prediction.messages import Request, Response
from service.protocols import DecodedRequest, Route

Result = Predictions | RequestError


@dataclass(slots=True)
class PendingRequest:
    """A complete request, the route that its path matches, and where its response goes."""

    request: Request
    route: Route
    respond: Callable[[Response], None]


@dataclass(slots=True)
class Timings:
    """The perf_counter at the end of the headers and of the body, and at the beginning and the end of each stage."""

    began: float
    completed: float
    decode_began: float = 0.0
    decode_ended: float = 0.0
    forward_began: float = 0.0
    forward_ended: float = 0.0
    encode_began: float = 0.0
    ended: float = 0.0

    def stages(self) -> tuple[float, float, float, float]:
        """Return the seconds of each of STAGES: decode, queue (before decoding and before forward), forward, encode."""
        decode, forward = self.decode_ended - self.decode_began, self.forward_ended - self.forward_began
        queue = self.decode_began - self.completed + self.forward_began - self.decode_ended
        return decode, queue, forward, self.ended - self.encode_began


@dataclass(slots=True)
class PredictionCall:
    """A decoded request, the version that it goes to, and the seconds that its forward pass is estimated to take."""

    pending: PendingRequest
    endpoint: Endpoint
    decoded: DecodedRequest
    work_seconds: float
    timings: Timings

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.decoded.codes)


class CallLabels(NamedTuple):
    """What calls have in common that are counted together; no endpoint where the model is unknown."""

    endpoint: Endpoint | None
    protocol: str
    template: str
    status: int = 200
    outcome: str = "ok"
    reason: str = ""


class CallRecord(NamedTuple):
    """What is counted of a call: its timings, and the predicted class of each of its rows (B,)."""

    labels: CallLabels
    timings: Timings
    classes: npt.NDArray[np.intp]
