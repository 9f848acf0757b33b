"""The work that is queued, in seconds: as estimated, and as earlier requests have really waited for it."""

from time import perf_counter

from service.prediction.calls import PendingRequest
from service.prediction.work import average

FULL = "too many requests wait for this worker: try again later"
MIN_SECONDS = 0.02  # shorter waits tell little about the estimate: it is trusted again
MIN_STRETCH, MAX_STRETCH = 0.25, 50.0


class Backlog:
    """A sum of estimates. `stretch` is how much longer the work takes than the estimates say.

    It exceeds 1 where the estimates are too low, where other work is done in turns with this one, and where other
    processes use the processor.
    """

    def __init__(self) -> None:
        self.seconds, self.stretch = 0.0, 1.0

    @property
    def wait(self) -> float:
        """The expected seconds until a request that is added now is processed."""
        return self.seconds * self.stretch

    def add(self, pending: PendingRequest) -> None:
        """Add the estimate of a request, and note what is queued before it."""
        pending.queued, pending.ahead_seconds = perf_counter(), self.seconds
        self.seconds += pending.work_seconds

    def remove(self, pending: PendingRequest) -> None:
        """Remove a request that is processed now, and learn from the time that it has waited."""
        self.seconds = max(self.seconds - pending.work_seconds, 0.0)
        ahead = pending.ahead_seconds
        if ahead > MIN_SECONDS:
            self.learn(ahead, perf_counter() - pending.queued)
        else:
            self.learn(1.0, 1.0)

    def learn(self, estimated: float, measured: float) -> None:
        """Learn from the seconds that some work has really taken."""
        measured_stretch = min(max(measured / estimated, MIN_STRETCH), MAX_STRETCH)
        self.stretch = average(self.stretch, measured_stretch)
