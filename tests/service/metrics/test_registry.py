"""What is counted, and which series remain."""

from collections.abc import Callable, Iterable, Iterator
from typing import cast

import numpy as np
import pytest

from nn import Artifact
from service.metrics import memory
from service.metrics.families import HTTP_REQUESTS, LOADS, REQUESTS, ROWS
from service.metrics.memory import SharedMemory
from service.metrics.registry import HIDDEN_SECONDS, MAX_VERSIONS, RETIRED_SECONDS, Metrics
from service.metrics.series import SeriesTable
from store import Version
from tests.helpers.server import Series, parse_metrics, total


class Clock:
    """The monotonic clock of all processes of this test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def _version(name: str, number: int) -> Version:
    return Version(name, number, cast("Artifact", None), {"files": {"model.npz": {"sha256": f"{number:064}"}}})


def _serve(metrics: Metrics, served: Iterable[tuple[str, int]], models: Iterable[str] = ("iris",)) -> None:
    """Serve versions, each counting a row, and none other."""
    metrics.show_served(models, [(_version(*each), "stable") for each in served])
    for name, number in served:
        metrics.find(ROWS, name, str(number)).add(1)
    metrics.forget_retired()


def _scrape(metrics: Metrics) -> Series:
    return parse_metrics(metrics.render("")[0].decode())


def _versions(metrics: Metrics) -> set[str]:
    return {dict(labels)["version"] for name, labels in _scrape(metrics) if name == "npserve_rows_total"}


def test_series_of_a_version_are_shown_for_a_while_after_it_was_served(clock: Clock) -> None:
    metrics = Metrics()
    _serve(metrics, [("iris", 1)])
    _serve(metrics, [("iris", 2)])
    clock.now += RETIRED_SECONDS - 1
    metrics.forget_retired()
    assert _versions(metrics) == {"1", "2"}
    clock.now += 1
    assert _versions(metrics) == {"2"}
    assert ("iris", "1") in metrics._series.groups()
    clock.now += HIDDEN_SECONDS + 1
    metrics.forget_retired()
    assert metrics._series.groups() == {("", ""), ("iris", "2")}


def test_series_of_a_version_that_is_served_again_are_shown(clock: Clock) -> None:
    metrics = Metrics()
    for number in (1, 2, 1):
        _serve(metrics, [("iris", number)])
    clock.now += RETIRED_SECONDS + 1
    metrics.forget_retired()
    assert _versions(metrics) == {"1"}
    assert total(_scrape(metrics), "npserve_rows_total") == 2


def test_series_of_a_model_are_hidden_with_it(clock: Clock) -> None:
    metrics = Metrics()
    _serve(metrics, [("iris", 1), ("rose", 1)], ["iris", "rose"])
    for name in ("iris", "rose"):
        metrics.count_load(name, "loaded")
    metrics.count_http("GET", "/livez", 200)
    _serve(metrics, [("iris", 1)])
    clock.now += RETIRED_SECONDS + 1
    series = _scrape(metrics)
    assert {dict(labels).get("model", "iris") for _, labels in series} == {"iris"}
    assert total(series, LOADS.name) == 1
    assert total(series, HTTP_REQUESTS.name) == 1


COUNT = 1000


def test_of_ever_more_versions_the_latest_are_shown_in_memory_of_the_same_size() -> None:
    metrics = Metrics()
    slot, used = metrics._series._slot, set[int]()
    assert slot is not None
    for number in range(1, COUNT + 1):
        _serve(metrics, [("iris", number)])
        metrics.find(REQUESTS, "iris", str(number), "native", "ok").observe([0.1])
        if number > 5 * MAX_VERSIONS:
            used.add(slot.used)
    assert _versions(metrics) == {str(number) for number in range(COUNT + 1 - MAX_VERSIONS, COUNT + 1)}
    assert max(used) - min(used) < 2**14
    assert max(used) < 2**16
    assert len(metrics._series.groups()) <= 2 * MAX_VERSIONS + 2


@pytest.fixture
def workers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Metrics]]:
    """A function that returns the metrics of another worker, in the same memory."""
    environment: dict[str, str] = {}
    SharedMemory.create().share(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield Metrics
    memory._shared.clear()


def test_a_sum_over_workers_never_decreases_when_they_forget_a_version(
    workers: Callable[[], Metrics], clock: Clock
) -> None:
    first, second = workers(), workers()
    for metrics in (first, second):
        _serve(metrics, [("iris", 1)])
    clock.now += 10
    _serve(first, [("iris", 2)])
    clock.now += 1
    _serve(second, [("iris", 2)])
    seen = []
    for _ in range(800):
        clock.now += 0.5
        (first if int(clock.now) % 2 else second).forget_retired()
        seen.append(total(_scrape(second), "npserve_rows_total", version="1"))
    assert seen[:590] == [2] * 590
    assert set(seen) == {0, 2}
    assert seen == sorted(seen, reverse=True)
    assert ("iris", "1") not in first._series.groups() | second._series.groups()


def test_who_counts_for_a_removed_version_does_not_count_for_another(clock: Clock) -> None:
    metrics = Metrics()
    _serve(metrics, [("iris", 1)])
    late = metrics.find(ROWS, "iris", "1")
    _serve(metrics, [("iris", 2)])
    clock.now += RETIRED_SECONDS + HIDDEN_SECONDS + 1
    metrics.forget_retired()
    _serve(metrics, [("iris", 3)])
    late.add(1000)
    assert total(_scrape(metrics), "npserve_rows_total") == 2


def test_a_histogram_counts_one_or_many_observations_alike(rng: np.random.Generator) -> None:
    seconds = [*(10 ** rng.uniform(-6, 2, 500)).tolist(), *REQUESTS.buckets]
    table = SeriesTable(None)
    one, many = (table.find(REQUESTS, "iris", "1", "native", outcome) for outcome in ("ok", "shed"))
    for each in seconds:
        one.observe([each])
    many.observe(seconds)
    np.testing.assert_allclose(one.values, many.values)
    for i, bound in enumerate(REQUESTS.buckets):
        assert one.values[: i + 1].sum() == sum(each <= bound for each in seconds)
