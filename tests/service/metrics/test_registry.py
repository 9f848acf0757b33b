"""What is counted, and which series remain."""

from collections.abc import Iterable
from typing import cast

import numpy as np
import pytest

from nn import Artifact
from service.metrics.families import HTTP_REQUESTS, LOADS, REQUESTS, ROWS
from service.metrics.registry import MAX_VERSIONS, RETIRED_SECONDS, Metrics
from service.metrics.series import SeriesTable
from store import Version
from tests.helpers.server import Series, parse_metrics, total


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("service.metrics.registry.time.monotonic", lambda: self.now)


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


def test_series_of_a_version_are_kept_for_a_while_after_it_was_served(clock: Clock) -> None:
    metrics = Metrics()
    _serve(metrics, [("iris", 1)])
    _serve(metrics, [("iris", 2)])
    clock.now += RETIRED_SECONDS
    metrics.forget_retired()
    assert _versions(metrics) == {"1", "2"}
    clock.now += 1
    metrics.forget_retired()
    assert _versions(metrics) == {"2"}


def test_series_of_a_version_that_is_served_again_are_kept(clock: Clock) -> None:
    metrics = Metrics()
    for number in (1, 2, 1):
        _serve(metrics, [("iris", number)])
    clock.now += RETIRED_SECONDS + 1
    metrics.forget_retired()
    assert _versions(metrics) == {"1"}
    assert total(_scrape(metrics), "npserve_rows_total") == 2


def test_series_of_a_model_are_removed_with_it(clock: Clock) -> None:
    metrics = Metrics()
    _serve(metrics, [("iris", 1), ("rose", 1)], ["iris", "rose"])
    for name in ("iris", "rose"):
        metrics.count_load(name, "loaded")
    metrics.count_http("GET", "/livez", 200)
    _serve(metrics, [("iris", 1)])
    clock.now += RETIRED_SECONDS + 1
    metrics.forget_retired()
    series = _scrape(metrics)
    assert {dict(labels).get("model", "iris") for _, labels in series} == {"iris"}
    assert total(series, LOADS.name) == 1
    assert total(series, HTTP_REQUESTS.name) == 1


def test_of_ever_more_versions_the_latest_are_kept_in_memory_of_the_same_size() -> None:
    metrics = Metrics()
    used = set[int]()
    for number in range(1, 5001):
        _serve(metrics, [("iris", number)])
        metrics.find(REQUESTS, "iris", str(number), "native", "ok").observe([0.1])
        if number > 3 * MAX_VERSIONS:
            assert metrics._series._slot is not None
            used.add(metrics._series._slot.used)
    assert _versions(metrics) == {str(number) for number in range(5001 - MAX_VERSIONS, 5001)}
    assert max(used) - min(used) < 2**14
    assert max(used) < 2**16
    assert len(metrics._series.all_keys()) < 6 * MAX_VERSIONS


def test_who_counts_for_a_removed_version_does_not_count_for_another(clock: Clock) -> None:
    metrics = Metrics()
    _serve(metrics, [("iris", 1)])
    late = metrics.find(ROWS, "iris", "1")
    _serve(metrics, [("iris", 2)])
    clock.now += RETIRED_SECONDS + 1
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
