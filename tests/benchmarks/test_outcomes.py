"""The arithmetic of a load: percentiles, rates and shares."""

import math

import pytest

from benchmarks.client_connection import LOST
from benchmarks.outcomes import Outcomes, percentile
from benchmarks.overload_limits import MeasuredBody, MeasuredLoad


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([3.0], 50, 3.0),
        ([1.0, 2.0], 50, 1.0),
        ([*map(float, range(100, 0, -1))], 99, 99.0),
        ([*map(float, range(1, 102))], 99, 100.0),
        ([*map(float, range(1, 1001))], 100, 1000.0),
        ([5.0, 4.0], 0, 4.0),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], percent: float, expected: float) -> None:
    assert percentile(values, percent) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    assert math.isnan(percentile([], 99))
    assert math.isnan(Outcomes(1).milliseconds(99, 503))


def _outcomes(*found: tuple[int, float], seconds: float = 2, late: int = 0) -> Outcomes:
    outcomes = Outcomes(seconds, sent=len(found))
    for number, (status, wait) in enumerate(found):
        outcomes.add(status, wait, in_time=number >= late)
    return outcomes


def test_rates_count_the_responses_in_time_and_percentiles_all() -> None:
    outcomes = _outcomes((200, 4.0), (200, 0.002), (503, 0.001), (LOST, 9.0), late=1)
    assert (outcomes.offered, outcomes.per_second(200), outcomes.per_second(503)) == (2.0, 0.5, 0.5)
    assert outcomes.milliseconds(100, 200) == 4000
    assert outcomes.milliseconds(100) == 9000
    assert outcomes.others(200) == "lost: 1, 503: 1"
    assert outcomes.others(200, 503, LOST) == ""


def _load(outcomes: Outcomes, live: Outcomes, recovered: float = 0.8, mebibytes: float = 1) -> MeasuredLoad:
    return MeasuredLoad("small", 5, outcomes, live, recovered, mebibytes, replaced=False, unloaded_p99=10)


def test_a_load_within_the_limits_has_no_violation() -> None:
    load = _load(_outcomes((200, 0.53), (503, 0.05)), _outcomes((200, 0.1)), mebibytes=64)
    assert [*load.violations()] == []
    assert str(load).split()[:3] == ["small", "5", "1"]


def test_every_limit_of_a_load_is_named() -> None:
    slow = _load(_outcomes((200, 0.54), (503, 0.06), (500, 0.0)), _outcomes((200, 0.31), (LOST, 0.0)), 0.7, 65)
    assert [found.split(",")[0] for found in slow.violations()] == [
        "503 p99 60 ms after the last byte",
        "accepted p99 540 ms",
        "0.70 of half the capacity accepted after the load",
        "statuses 500: 1",
        "memory 65 MiB above idle",
        "/livez p99 310 ms",
        "/livez max 310 ms",
        "/livez statuses lost: 1",
    ]
    assert "no request was accepted" in _load(_outcomes((503, 0.0)), _outcomes((200, 0.0))).violations()


def test_the_limits_beside_a_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPSERVE_MAX_HELD_BYTES", str(100 * 2**20))
    quick = _outcomes((200, 0.0))

    def body(healthy: Outcomes, inflated: int, mebibytes: float) -> list[str]:
        measured = MeasuredBody("npy", 60_000, inflated, healthy, 1.0, quick, quick, mebibytes, replaced=False)
        return [found.split(",")[0] for found in measured.violations()]

    assert body(_outcomes((200, 0.3)), 2**26, 164) == []
    assert body(_outcomes((200, 0.3)), 2**22, 164) == ["memory 164 MiB above idle"]
    assert body(_outcomes((200, 0.31), (503, 0.0), seconds=3), 2**26, 165) == [
        "healthy requests at 0.33 of their rate",
        "a healthy request waits 310 ms",
        "healthy statuses 503: 1",
        "memory 165 MiB above idle",
    ]
