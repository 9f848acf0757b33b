"""The metrics of several processes, written by real processes as workers write them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from service.metrics.multiprocess import AllProcessesCollector, merge_dead_worker, reset
from tests.helpers.server import Series, parse_metrics, total

WORKER = """
import sys
from service.metrics.registry import Metrics
metrics = Metrics()
metrics.rows.labels("iris", "1").inc(float(sys.argv[1]))
metrics.requests.labels("iris", "1", "native", "ok").observe(0.003)
metrics.in_flight.inc()
metrics.loaded_at.labels("iris", "1").set(float(sys.argv[1]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    reset(tmp_path / "metrics")
    return tmp_path / "metrics"


def _work(folder: Path, count: int) -> int:
    """Run a worker that counts and exits. Return its process ID."""
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(folder)}
    with subprocess.Popen([sys.executable, "-c", WORKER, str(count)], env=environment) as worker:
        assert worker.wait() == 0
        return worker.pid


def _scrape(folder: Path) -> Series:
    registry = CollectorRegistry()
    registry.register(AllProcessesCollector(folder))
    return parse_metrics(generate_latest(registry).decode())


def test_the_counts_of_dead_workers_are_kept(folder: Path) -> None:
    for count in (1, 2, 3):
        pid = _work(folder, count)
        before = _scrape(folder)
        merge_dead_worker(folder, pid)
        after = _scrape(folder)
        assert total(after, "npserve_rows_total") == sum(range(count + 1)) == total(before, "npserve_rows_total")
        assert total(after, "npserve_request_seconds_count") == count
        assert total(after, "npserve_request_seconds_bucket", le="0.005") == count
        assert total(after, "npserve_request_seconds_bucket", le="0.002") == 0
        assert total(after, "npserve_model_loaded_timestamp_seconds") == count
        assert total(before, "npserve_requests_in_flight") == 1
        assert total(after, "npserve_requests_in_flight") == 0
        assert sorted(file.name for file in folder.iterdir()) == [
            "counter_archive.db",
            "gauge_max_archive.db",
            "histogram_archive.db",
            "lock",
        ]


def test_incomplete_files_of_a_dead_worker_are_ignored(folder: Path) -> None:
    pid = _work(folder, 5)
    (folder / f"counter_{pid}.db").write_bytes(b"")
    (folder / "counter_123.db").write_bytes(b"\0" * 65536)
    assert total(_scrape(folder), "npserve_rows_total") == 0
    for dead in (pid, 123):
        merge_dead_worker(folder, dead)
    assert total(_scrape(folder), "npserve_request_seconds_count") == 1


def test_reset_removes_all_counts(folder: Path) -> None:
    _work(folder, 5)
    reset(folder)
    assert _scrape(folder) == {}
