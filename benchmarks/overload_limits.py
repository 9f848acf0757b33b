"""The measurements of benchmarks.overload, the limits that they must keep, and their rows in its tables."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.outcomes import Outcomes, percentile
from service.settings import Settings

SHED_P99_MS, LIVE_P99_MS, LIVE_MAX_MS, HEALTHY_WAIT_MS = 50.0, 100.0, 300.0, 300.0
UNLOADED_FACTOR = 3
HEALTHY_SHARE = 0.5
RECOVERED_SHARE = 0.8  # of the requests offered 1 second after a load; the last ones are still on the way
SPARE_MIB = 64.0  # above idle, beyond the bytes that count as held
SMALL_BYTES = 4 * 2**20  # where no body is larger after decompression, the spare memory suffices

OK, SHED = 200, 503
LOAD_HEADER = (
    f"{'load':13}{'times':>6}{'offered/s':>11}{'unsent/s':>10}{'lag p99':>9}{'accepted/s':>12}{'p50 ms':>8}"
    f"{'p99 ms':>8}{'shed/s':>9}{'503 p99':>9}{'after':>7}{'MiB':>7}{'livez p50':>11}{'p99':>7}{'max':>8}  others"
)
BODY_HEADER = (
    f"{'body':36}{'sent B':>10}{'inflated':>10}{'healthy/s':>11}{'alone':>8}{'share':>7}{'worst ms':>10}"
    f"{'hostile/s':>11}{'MiB':>7}{'livez p99':>11}{'max':>8}  statuses"
)


def _settings() -> Settings:
    """Return the settings of the server, which inherits this environment."""
    return Settings.from_environment(os.environ)


def held_mebibytes(inflated: int) -> float:
    """Return the limit of the memory above idle for bodies of at most this size after decompression."""
    held = _settings().max_held_bytes / 2**20
    return SPARE_MIB + (held if inflated > SMALL_BYTES else 0)


def _live_violations(live: Outcomes) -> Iterator[str]:
    if (p99 := live.milliseconds(99)) > LIVE_P99_MS:
        yield f"/livez p99 {p99:.0f} ms, limit {LIVE_P99_MS:.0f} ms"
    if (most := live.milliseconds(100)) > LIVE_MAX_MS:
        yield f"/livez max {most:.0f} ms, limit {LIVE_MAX_MS:.0f} ms"
    if others := live.others(OK):
        yield f"/livez statuses {others}, expected only {OK}"


def _memory_violations(mebibytes: float, inflated: int, replaced: bool) -> Iterator[str]:
    if mebibytes > (limit := held_mebibytes(inflated)):
        yield f"memory {mebibytes:.0f} MiB above idle, limit {limit:.0f} MiB"
    if replaced:
        yield "a worker was killed or has ended"


@dataclass(frozen=True)
class MeasuredLoad:
    """A load at a number of times the capacity, and the share of a lower load that is accepted soon after it.

    `unloaded_p99` is measured at a tenth of the capacity.
    """

    name: str
    factor: float
    outcomes: Outcomes
    live: Outcomes
    recovered: float
    mebibytes: float
    replaced: bool
    unloaded_p99: float

    @property
    def title(self) -> str:
        """Return the name for a message."""
        return f"{self.name} x {self.factor:g}"

    def __str__(self) -> str:
        out, live = self.outcomes, self.live
        return (
            f"{self.name:13}{self.factor:6g}{out.offered:11.0f}{out.unsent / out.seconds:10.0f}"
            f"{1e3 * percentile(out.lags, 99):9.1f}"
            f"{out.per_second(OK):12.0f}{out.milliseconds(50, OK):8.1f}{out.milliseconds(99, OK):8.1f}"
            f"{out.per_second(SHED):9.0f}{out.milliseconds(99, SHED):9.1f}{self.recovered:7.2f}{self.mebibytes:7.0f}"
            f"{live.milliseconds(50):11.1f}{live.milliseconds(99):7.1f}{live.milliseconds(100):8.1f}"
            f"  {out.others(OK, SHED)}"
        )

    def violations(self) -> Iterator[str]:
        """Yield the limits that are not kept."""
        if (p99 := self.outcomes.milliseconds(99, SHED)) > SHED_P99_MS:
            yield f"503 p99 {p99:.0f} ms after the last byte, limit {SHED_P99_MS:.0f} ms"
        limit = 1e3 * _settings().max_queue_seconds + UNLOADED_FACTOR * self.unloaded_p99
        if (p99 := self.outcomes.milliseconds(99, OK)) > limit:
            yield f"accepted p99 {p99:.0f} ms, limit {limit:.0f} ms"
        if not self.outcomes.per_second(OK):
            yield "no request was accepted"
        if self.recovered < RECOVERED_SHARE:
            yield f"{self.recovered:.2f} of half the capacity accepted after the load, limit {RECOVERED_SHARE}"
        if others := self.outcomes.others(OK, SHED):
            yield f"statuses {others}, expected only {OK} and {SHED}"
        yield from _memory_violations(self.mebibytes, 0, self.replaced)
        yield from _live_violations(self.live)


@dataclass(frozen=True)
class MeasuredBody:
    """Small healthy requests beside a hostile body; `alone` is the healthy rate without it."""

    title: str
    sent: int
    inflated: int
    healthy: Outcomes
    alone: float
    hostile: Outcomes
    live: Outcomes
    mebibytes: float
    replaced: bool

    @property
    def share(self) -> float:
        """Return the healthy rate as a share of the rate alone."""
        return self.healthy.per_second(OK) / self.alone if self.alone else 0.0

    def __str__(self) -> str:
        return (
            f"{self.title:36}{self.sent:10}{self.inflated:10}{self.healthy.per_second(OK):11.0f}{self.alone:8.0f}"
            f"{self.share:7.2f}{self.healthy.milliseconds(100):10.1f}{self.hostile.offered:11.1f}{self.mebibytes:7.0f}"
            f"{self.live.milliseconds(99):11.1f}{self.live.milliseconds(100):8.1f}  {self.hostile.others()}"
        )

    def violations(self) -> Iterator[str]:
        """Yield the limits that are not kept."""
        if self.share < HEALTHY_SHARE:
            yield f"healthy requests at {self.share:.2f} of their rate, limit {HEALTHY_SHARE}"
        if (worst := self.healthy.milliseconds(100)) > HEALTHY_WAIT_MS:
            yield f"a healthy request waits {worst:.0f} ms, limit {HEALTHY_WAIT_MS:.0f} ms"
        if others := self.healthy.others(OK):
            yield f"healthy statuses {others}, expected only {OK}"
        yield from _memory_violations(self.mebibytes, self.inflated, self.replaced)
        yield from _live_violations(self.live)
