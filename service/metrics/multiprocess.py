"""Metrics of several processes: a folder of counters that is reset at start and scraped as one.

Theory of operation
-------------------
prometheus_client keeps values in memory-mapped files where PROMETHEUS_MULTIPROC_DIR names a folder. It looks once, when
it is imported; so `service/gunicorn.conf.py` sets the folder before anything imports it. Files and their owners:

    counter_PID.db, histogram_PID.db       counts of one worker: only that process writes them
    gauge_MODE_PID.db                      its gauges; MODE says how processes are combined (livesum, livemax, max)
    counter_archive.db, histogram_archive.db, gauge_max_archive.db
                                           what all dead workers have counted: only the gunicorn master writes them
    lock                                   guards which files there are

A file is in one of these states:

    being made   its worker has not given it a length yet: a scrape leaves it out
    live         its worker adds to it at any time, without a lock; a scrape reads it meanwhile
    merged       its worker is dead: the master adds its values to the archive and removes it

Invariants:

- A counter never goes backwards. What a dead worker has counted stays in the archive.
- Nothing is counted twice. Between the addition to the archive and the removal of the file each value stands in both,
  so the master holds the lock exclusively for both, and a scrape holds it shared while it lists and reads files.
- The number of files is bounded by the workers that live, however often they die: one archive for each kind.
- Live gauges end with their worker: `mark_process_dead` removes them. Gauges of the maximum are archived as that.
- Process numbers come again, so the files of an earlier server are removed before the first worker starts (`reset`).

Workers take no lock to count: a request would wait for a scrape. The price is that a scrape may see one request in some
metrics and not yet in others.

`merge_dead_worker` relies on parts of prometheus_client that are not its public interface (`mmap_dict`, the names and
keys of the files, `MultiProcessCollector.merge`): so pyproject.toml pins its version.
"""

import struct
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from prometheus_client.metrics_core import Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from store.durable import locked

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
ARCHIVE = "archive"  # stands where other files have a process number
LOCK_FILE = "lock"


def reset(folder: Path) -> None:
    """Make the folder, and remove what an earlier server counted: process numbers come again."""
    folder.mkdir(0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)


def merge_dead_worker(folder: Path, pid: int) -> None:
    """Move what a dead worker counted into the archive, and drop its live gauges."""
    with locked(folder / LOCK_FILE, mode=0o600):
        mark_process_dead(pid, str(folder))
        for file in folder.glob(f"*_{pid}.db"):
            kind = file.name.removesuffix(f"_{pid}.db")
            _merge(file, folder / f"{kind}_{ARCHIVE}.db", max if kind == "gauge_max" else sum)
            file.unlink()


def _merge(file: Path, archive: Path, combine: Callable[[tuple[float, float]], float]) -> None:
    # A worker that died while it made the file had counted nothing in it yet.
    with closing(MmapedDict(str(archive))) as values, suppress(struct.error, RuntimeError):
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(file)):
            values.write_value(key, combine((values.read_value(key)[0], value)), timestamp)


class AllProcessesCollector(Collector):
    """Collects what all workers, living and dead, have counted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> list[Metric]:
        """Return the metrics, each summed over the processes."""
        with locked(self._folder / LOCK_FILE, shared=True, mode=0o600):
            # A worker that is making a file has not given it a length yet.
            files = [str(file) for file in self._folder.glob("*.db") if file.stat().st_size]
            return list(MultiProcessCollector.merge(files))
