"""The expected wait follows what earlier requests have really waited."""

import pytest

from service.prediction.calls import PendingRequest
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Request
from service.protocols import find_route
from service.server.backlog import MAX_STRETCH, MIN_STRETCH, Backlog


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
    monkeypatch.setattr("service.server.backlog.perf_counter", lambda: now)
    backlog = Backlog()
    for _ in range(200):
        ahead, pending = _pending(1.0), _pending(0.1)
        backlog.add(ahead)
        backlog.add(pending)
        backlog.remove(ahead)
        now += waited
        backlog.remove(pending)
    backlog.add(_pending(1.0))
    assert backlog.wait == pytest.approx(limit, rel=1e-3)


def test_short_waits_teach_nothing() -> None:
    backlog, first, second = Backlog(), _pending(0.001), _pending(0.001)
    backlog.add(first)
    backlog.add(second)
    backlog.remove(first)
    backlog.remove(second)
    assert backlog.stretch == 1.0
