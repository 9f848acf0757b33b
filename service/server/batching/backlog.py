"""The work that is queued, in seconds: as estimated, and as earlier requests have really waited for it."""

from time import perf_counter

from service.prediction.calls import PendingRequest
from service.prediction.work import average

MIN_SECONDS = 0.02  # shorter waits tell little about the estimate: it is trusted again
MIN_STRETCH, MAX_STRETCH = 0.25, 20.0


class Backlog:
    """A sum of estimates. `stretch` is how much longer requests wait than the sum says when they are added.

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
        """Add the estimate of a large request. Those of small ones are added to `seconds`: they say little."""
        pending.queued, pending.ahead_seconds = perf_counter(), self.seconds
        self.seconds += pending.work_seconds

    def remove(self, pending: PendingRequest) -> None:
        """Remove a request that is processed now, and learn from the time that a large one has waited."""
        self.seconds = max(self.seconds - pending.work_seconds, 0.0)
        is_long = pending.ahead_seconds > MIN_SECONDS
        measured = (perf_counter() - pending.queued) / pending.ahead_seconds if is_long else 1.0
        self.stretch = min(max(average(self.stretch, measured), MIN_STRETCH), MAX_STRETCH)
