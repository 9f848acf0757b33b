"""Metrics of several processes: a folder of counters that is reset at start and scraped as one.

Each worker counts in files of its own (`counter_PID.db`, …). When one dies its counts must not be
lost, or counters would go backwards; kept in a file for each dead worker they would pile up. So the
gunicorn master adds them to one archive, while a lock keeps scrapes from counting them twice.
"""

import fcntl
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
ARCHIVE = "archive"  # stands where other files have a process number


def reset(folder: Path) -> None:
    """Make the folder, and remove what an earlier server counted: process numbers come again."""
    folder.mkdir(0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)


def merge_dead_worker(folder: Path, pid: int) -> None:
    """Move what a dead worker counted into the archive, and drop its live gauges."""
    with _locked(folder, fcntl.LOCK_EX):
        mark_process_dead(pid, str(folder))
        for file in folder.glob(f"*_{pid}.db"):
            kind = file.name.removesuffix(f"_{pid}.db")
            _merge(file, folder / f"{kind}_{ARCHIVE}.db", max if kind == "gauge_max" else sum)
            file.unlink()


def _merge(file: Path, archive: Path, combine: Callable[[tuple[float, float]], float]) -> None:
    values = MmapedDict(str(archive))
    try:
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(file)):
            values.write_value(key, combine((values.read_value(key)[0], value)), timestamp)
    except (struct.error, RuntimeError):
        # It died while it made the file, and had counted nothing in it yet.
        pass
    finally:
        values.close()


@contextmanager
def _locked(folder: Path, operation: int) -> Iterator[None]:
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, operation)
        yield
    finally:
        os.close(descriptor)


class AllProcessesCollector(Collector):
    """Collects what all workers, living and dead, have counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> list[Metric]:
        """Return the metrics, each summed over the processes."""
        with _locked(self._folder, fcntl.LOCK_SH):
            # A worker that is making a file has not given it a length yet.
            files = [str(file) for file in self._folder.glob("*.db") if file.stat().st_size]
            return list(MultiProcessCollector.merge(files))
