"""The expected wait follows what earlier requests have really waited."""

import pytest

from service.prediction.calls import PendingRequest
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Request
from service.protocols import find_route
from service.server.batching.backlog import MAX_STRETCH, MIN_STRETCH, Backlog, Stretch


def _pending(seconds: float) -> PendingRequest:
    route = find_route("/predict")
    assert route is not None
    return PendingRequest(Request({}, MemoryBudget(0).reserve()), route, lambda response: None, seconds)


def test_it_is_the_sum_of_what_is_queued() -> None:
    backlog, requests = Backlog(), [_pending(0.25), _pending(0.5)]
    for pending in requests:
        backlog.add(pending)
    assert backlog.wait == 0.75
    for pending in requests:
        backlog.remove(pending)
    assert backlog.wait == 0


@pytest.mark.parametrize(("waited", "limit"), [(1000.0, MAX_STRETCH), (0.0, MIN_STRETCH), (2.0, 2.0)])
def test_it_is_corrected_by_the_real_waits(waited: float, limit: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("service.server.batching.backlog.perf_counter", lambda: now)
    backlog = Backlog()
    for _ in range(200):
        pending = _pending(0.1)
        backlog.seconds = 1.0
        backlog.add(pending)
        now += waited
        backlog.remove(pending)
    backlog.seconds = 0.0
    backlog.add(_pending(1.0))
    assert backlog.wait == pytest.approx(limit, rel=1e-2)


def test_the_estimates_are_trusted_again_after_short_work() -> None:
    stretch = Stretch()
    for _ in range(100):
        stretch.learn(0.005, 0.5)
    assert stretch.value == MAX_STRETCH
    for _ in range(100):
        stretch.learn(5e-5, 1e-4)
    assert stretch.value < 1.5


def test_the_stretch_is_the_ratio_of_all_work_not_the_mean_of_ratios() -> None:
    """Half of the turns have one request that takes 25 times as long as estimated, half a hundred others."""
    stretch = Stretch()
    for _ in range(100):
        stretch.learn(0.00065, 0.016)
        stretch.learn(0.005, 0.005)
    assert 2 < stretch.value < 5


def test_one_interruption_is_no_trend() -> None:
    stretch = Stretch()
    stretch.learn(0.005, 0.1)
    for _ in range(20):
        stretch.learn(0.005, 0.005)
    assert stretch.value < 1.5
