"""The metrics of several processes, counted by real processes that are forked as workers are."""

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from service.metrics import memory
from service.metrics.exposition import combine
from service.metrics.families import IN_FLIGHT, LOADED_AT, NO_GROUP, REQUESTS, ROWS
from service.metrics.memory import SLOTS, SharedMemory
from service.metrics.registry import HIDDEN_SECONDS, RETIRED_SECONDS, Metrics, _label_text

IRIS = "iris", "1"


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> Iterator[SharedMemory]:
    """The memory of a server, shared with the children of this process."""
    created = SharedMemory.create()
    environment: dict[str, str] = {}
    created.share(environment)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield created
    memory._shared.clear()


class Worker:
    """A forked process that runs `work`, and lives until it is killed, for 20 seconds at most."""

    def __init__(self, work: Callable[[], object]) -> None:
        reading, writing = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            try:
                signal.alarm(20)
                work()
                os.write(writing, b".")
                signal.pause()
            except BaseException:
                traceback.print_exc()
            os._exit(1)
        os.close(writing)
        assert os.read(reading, 1) == b"."
        os.close(reading)

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _count(rows: int) -> Metrics:
    metrics = Metrics()
    metrics.find(ROWS, *IRIS).add(rows)
    metrics.find(REQUESTS, *IRIS, "native", "ok").observe([0.003])
    metrics.find(LOADED_AT, *IRIS).set(rows)
    metrics.in_flight.add(1)
    return metrics


def _render(metrics: Metrics) -> str:
    return metrics.render("")[0].decode()


def _value(shared: SharedMemory, name: str, *labels: str) -> float:
    return float(combine(list(shared.images())).get((name, *labels), np.zeros(1))[0])


def test_the_counts_of_all_workers_are_added(shared: SharedMemory) -> None:
    workers = [Worker(partial(_count, rows)) for rows in (1, 2, 3)]
    assert _value(shared, ROWS.name, *IRIS) == 6
    assert _value(shared, IN_FLIGHT.name) == 3
    assert _value(shared, LOADED_AT.name, *IRIS) == 3
    requests = combine(list(shared.images()))[REQUESTS.name, *IRIS, "native", "ok"]
    assert requests[REQUESTS.buckets.index(5e-3)] == 3 == sum(requests[:-1])
    assert requests[-1] == pytest.approx(0.009)
    for worker in workers:
        worker.kill()


def test_a_killed_worker_leaves_its_counts_and_its_slot(shared: SharedMemory) -> None:
    other = Worker(lambda: _count(10))
    for round_ in range(1, 4):
        worker = Worker(lambda: _count(5))
        assert _value(shared, ROWS.name, *IRIS) == 10 + 5 * round_
        assert _value(shared, IN_FLIGHT.name) == 2
        worker.kill()
        assert _value(shared, ROWS.name, *IRIS) == 10 + 5 * round_
        assert _value(shared, IN_FLIGHT.name) == 1
    assert len(list(shared.images())) == 2
    other.kill()


def test_series_that_no_living_worker_knows_are_not_shown(shared: SharedMemory) -> None:
    dead = Worker(lambda: _count(5))
    living = Worker(lambda: Metrics().find(ROWS, "iris", "2").add(1))
    assert _value(shared, ROWS.name, *IRIS) == 5
    dead.kill()
    assert {key[2] for key in combine(list(shared.images())) if key[0] == ROWS.name} == {"2"}
    living.kill()


def test_what_the_dead_have_counted_for_a_forgotten_version_does_not_come_back(
    shared: SharedMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Worker(lambda: _count(5))
    living = _count(1)
    dead.kill()
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now)
    living.show_served(["iris"], [])
    living.forget_retired()
    assert 'npserve_rows_total{model="iris",version="1"} 6.0' in _render(living)
    now += RETIRED_SECONDS
    assert "npserve_rows_total{" not in _render(living)
    now += HIDDEN_SECONDS + 1
    living.forget_retired()
    living.find(ROWS, *IRIS).add(2)
    assert 'npserve_rows_total{model="iris",version="1"} 2.0' in _render(living)


def test_a_hidden_version_does_not_come_back_with_a_new_worker(
    shared: SharedMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    living, dead = Metrics(), Worker(lambda: _count(5))
    living.find(ROWS, *IRIS).add(1)
    dead.kill()
    now = time.monotonic()
    monkeypatch.setattr("time.monotonic", lambda: now)
    living.show_served(["iris"], [])
    living.forget_retired()
    now += RETIRED_SECONDS - 1
    new = Metrics()  # in the slot of the dead one
    assert 'npserve_rows_total{model="iris",version="1"} 6.0' in _render(living)
    new.show_served(["iris"], [])
    new.forget_retired()
    for seconds in (1, HIDDEN_SECONDS + 1, RETIRED_SECONDS):
        now += seconds
        living.forget_retired()
        assert "npserve_rows_total{" not in _render(new)
    new.forget_retired()
    assert IRIS not in new._series.groups()


def test_versions_in_the_slot_of_a_dead_worker_are_forgotten(
    shared: SharedMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = Metrics()
    Worker(lambda: parent.find(ROWS, "iris", "7").add(1)).kill()

    def forget() -> None:
        parent.show_served(["iris"], [])
        for seconds in (0, RETIRED_SECONDS, HIDDEN_SECONDS + 1):
            now = time.monotonic() + seconds
            monkeypatch.setattr("time.monotonic", lambda now=now: now)
            parent.forget_retired()
        assert parent._series.groups() == {NO_GROUP}

    Worker(forget).kill()


def test_a_scrape_sees_all_series_while_others_come_and_go(shared: SharedMemory) -> None:
    def churn() -> None:
        metrics = Metrics()
        metrics.find(ROWS, "kept", "1").add(1)
        metrics.find(ROWS, "removed", "1").add(1)
        metrics.find(ROWS, "kept", "2").add(1)
        os.write(writing, b".")
        while True:
            metrics.find(ROWS, "removed", "1").add(1)
            metrics._series.remove([(ROWS.name, "removed", "1")])

    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(20)
        churn()
    assert os.read(reading, 1) == b"."
    try:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            rows = {key[1:] for key in combine(list(shared.images())) if key[0] == ROWS.name}
            assert {("kept", "1"), ("kept", "2")} <= rows <= {("kept", "1"), ("kept", "2"), ("removed", "1")}
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)
    # Killed at any moment, it leaves a slot that the next process continues.
    assert Metrics().find(ROWS, "kept", "2").values[0] == 1


def test_two_applications_in_one_process_count_in_two_slots(shared: SharedMemory) -> None:
    one, other = _count(5), _count(7)
    assert _value(shared, ROWS.name, *IRIS) == 12
    assert 'npserve_rows_total{model="iris",version="1"} 12.0' in _render(one)
    assert other._memory is one._memory is shared


def test_text_that_prometheus_cannot_have_is_replaced() -> None:
    assert _label_text("a\ud800b") == "a?b"


def test_a_process_that_is_forked_after_the_first_count_counts_by_itself(shared: SharedMemory) -> None:
    def count_and_fork() -> None:
        metrics = _count(7)
        Worker(lambda: metrics.find(ROWS, *IRIS).add(1)).kill()
        Worker(lambda: metrics.find(ROWS, *IRIS).add(2))

    parent = Worker(count_and_fork)
    assert [image.is_taken for image in shared.images()] == [True, True]
    assert _value(shared, ROWS.name, *IRIS) == 10
    assert _value(shared, LOADED_AT.name, *IRIS) == 7
    assert _value(shared, IN_FLIGHT.name) == 1
    parent.kill()


def test_a_worker_without_a_slot_counts_for_itself_and_says_so_once(
    shared: SharedMemory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "SLOTS", 0)
    metrics = _count(7)
    assert metrics.find(ROWS, *IRIS).values[0] == 7
    assert len(caplog.records) == 1
    assert "metrics are lost" in caplog.text
    assert list(shared.images()) == []


def test_a_worker_without_space_goes_on_and_shows_that_counts_are_lost(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(memory, "SLOT_BYTES", memory.RESERVED_BYTES)
    metrics = Metrics()
    for number in range(2000):
        metrics.find(ROWS, "iris", str(number)).add(1)
    text = metrics.render("")[0].decode()
    assert "npserve_metrics_lost 1.0\n" in text
    assert 300 < text.count("npserve_rows_total{") < 2000
    assert len(caplog.records) == 1
    assert metrics.find(ROWS, "iris", "1999").values[0] == 1


def test_without_memory_files_a_temporary_one_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shared: SharedMemory
) -> None:
    monkeypatch.delattr(os, "memfd_create")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv(memory.DESCRIPTOR_VARIABLE)
    metrics = _count(5)
    assert 'npserve_rows_total{model="iris",version="1"} 5.0' in metrics.render("")[0].decode()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    assert "npserve_metrics_lost 1.0\n" in _count(5).render("")[0].decode()


def test_slots_are_enough_for_a_reload_of_64_workers() -> None:
    assert SLOTS >= 2 * 64
