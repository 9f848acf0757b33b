"""The work that is queued, in seconds: as estimated, and as earlier requests have really waited for it."""

from time import perf_counter

from service.prediction.calls import PendingRequest

FULL = "too many requests wait for this worker: try again later"
LATEST_SHARE = 0.1  # of the latest measurement
PRIOR_SECONDS = 2e-4  # of work that takes as long as estimated: short work tells little about the estimates
MIN_STRETCH, MAX_STRETCH = 0.25, 50.0


class Stretch:
    """How much longer some work takes than estimated: the ratio of two exponential averages.

    It exceeds 1 where the estimates are too low, where other work is done in turns with this one, and where other
    processes use the processor.
    """

    def __init__(self) -> None:
        self.value = 1.0
        self._estimated = self._measured = PRIOR_SECONDS  # both include the prior

    def learn(self, estimated: float, measured: float) -> None:
        """Learn from the seconds that some work has really taken."""
        self._estimated += LATEST_SHARE * (estimated + PRIOR_SECONDS - self._estimated)
        self._measured += LATEST_SHARE * (measured + PRIOR_SECONDS - self._measured)
        self.value = min(max(self._measured / self._estimated, MIN_STRETCH), MAX_STRETCH)


class Backlog:
    """A sum of estimates, and the stretch of the waits for it."""

    def __init__(self) -> None:
        self.seconds, self.stretch = 0.0, Stretch()

    @property
    def wait(self) -> float:
        """The expected seconds until a request that is added now is processed."""
        return self.seconds * self.stretch.value

    def add(self, pending: PendingRequest) -> None:
        """Add the estimate of a request, and note what is queued before it."""
        pending.queued, pending.ahead_seconds = perf_counter(), self.seconds
        self.seconds += pending.work_seconds

    def remove(self, pending: PendingRequest) -> None:
        """Remove a request that is processed now, and learn from the time that it has waited."""
        self.seconds = max(self.seconds - pending.work_seconds, 0.0)
        self.stretch.learn(pending.ahead_seconds, perf_counter() - pending.queued)
