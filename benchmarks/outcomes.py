"""What became of the requests of a load: how many were sent, and how long each waited for which status."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Outcomes:
    """Counts of `seconds`; `waits` also has the responses that arrived later. Status 0 is a lost connection."""

    seconds: float
    sent: int = 0
    unsent: int = 0  # due, but every connection was in use, or the generator was too slow
    waits: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))  # seconds, by status
    in_time: Counter[int] = field(default_factory=Counter)  # the responses within `seconds`, by status
    lags: list[float] = field(default_factory=list)  # seconds by which the generator itself was late

    def add(self, status: int, wait: float, in_time: bool) -> None:
        """Count a response."""
        self.waits[status].append(wait)
        self.in_time[status] += in_time

    @property
    def offered(self) -> float:
        """Return the requests sent per second."""
        return self.sent / self.seconds

    def per_second(self, status: int) -> float:
        """Return the responses per second."""
        return self.in_time[status] / self.seconds

    def milliseconds(self, percent: float, status: int | None = None) -> float:
        """Return a percentile of the waits for a status, or for all; NaN without responses."""
        waits = [wait for found in self.waits.values() for wait in found] if status is None else self.waits[status]
        return 1e3 * percentile(waits, percent)

    def others(self, *expected: int) -> str:
        """Return the number of responses for each unexpected status: `404: 2, lost: 1`."""
        found = {status: len(waits) for status, waits in sorted(self.waits.items()) if status not in expected and waits}
        return ", ".join(f"{status or 'lost'}: {count}" for status, count in found.items())


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the smallest value that at least `percent` of the values do not exceed; 100 is the maximum."""
    if not values:
        return math.nan
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]
