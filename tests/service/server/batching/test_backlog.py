"""The expected wait follows what earlier requests have really waited."""

import pytest

from service.prediction.calls import PendingRequest
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Request
from service.protocols import find_route
from service.server.batching.backlog import MAX_STRETCH, MIN_STRETCH, Backlog


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
    assert backlog.wait == pytest.approx(limit, rel=1e-3)


def test_the_estimates_are_trusted_again_after_short_waits() -> None:
    backlog = Backlog()
    backlog.stretch = MAX_STRETCH
    for _ in range(100):
        pending = _pending(0.001)
        backlog.add(pending)
        backlog.remove(pending)
    assert backlog.stretch == pytest.approx(1.0, abs=0.01)


def test_it_is_corrected_by_what_a_turn_has_taken() -> None:
    backlog = Backlog()
    for _ in range(100):
        backlog.learn(0.005, 0.05)
    backlog.seconds = 0.1
    assert backlog.wait == pytest.approx(1.0, rel=1e-3)
    backlog.learn(1e-9, 1e9)
    assert backlog.stretch < MAX_STRETCH
