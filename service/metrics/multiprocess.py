"""Metrics of several processes: a folder of counter files, reset at startup and aggregated by each scrape.

Theory of operation
-------------------
prometheus_client keeps values in memory-mapped files if PROMETHEUS_MULTIPROC_DIR names a folder. It reads the variable
once, on import, so `service/gunicorn.conf.py` sets it before anything imports prometheus_client. Files and writers:

    counter_PID.db, histogram_PID.db       counts of one worker, written by that process only
    gauge_MODE_PID.db                      its gauges; MODE is how processes are combined (livesum, livemax, max)
    counter_archive.db, histogram_archive.db, gauge_max_archive.db
                                           sums over all dead workers, written by the gunicorn master only
    lock                                   protects the set of files

A file is in one of these states:

    new          still empty: a scrape skips it
    live         its worker updates it at any time, without a lock; a scrape may read it meanwhile
    merged       its worker is dead: the master adds its values to the archive and removes it

Invariants:

- A counter never decreases. The counts of a dead worker stay in the archive.
- Nothing is counted twice. Between the update of the archive and the removal of the file, both contain its values. So
  the master holds the lock exclusively for both steps, and a scrape holds it shared while it lists and reads files.
- The number of files depends on the living workers only: there is one archive per kind.
- `mark_process_dead` removes the live gauges of a dead worker. Maximum gauges are archived as a maximum.
- The operating system reuses process IDs, so `reset` removes the files of an earlier server before the first worker
  starts.

Workers count without a lock; otherwise a request would wait for a scrape. The cost: a scrape may see a request in some
metrics and not yet in others.

`merge_dead_worker` uses private parts of prometheus_client (`mmap_dict`, the names and keys of the files,
`MultiProcessCollector.merge`), so pyproject.toml pins its version.
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
ARCHIVE = "archive"  # in place of the process ID
LOCK_FILE = "lock"


def reset(folder: Path) -> None:
    """Create the folder, and remove the files of an earlier server."""
    folder.mkdir(0o700, parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink(missing_ok=True)


def merge_dead_worker(folder: Path, pid: int) -> None:
    """Move the counts of a dead worker to the archive, and remove its live gauges."""
    with locked(folder / LOCK_FILE, mode=0o600):
        mark_process_dead(pid, str(folder))
        for file in folder.glob(f"*_{pid}.db"):
            kind = file.name.removesuffix(f"_{pid}.db")
            _merge(file, folder / f"{kind}_{ARCHIVE}.db", max if kind == "gauge_max" else sum)
            file.unlink()


def _merge(file: Path, archive: Path, combine: Callable[[tuple[float, float]], float]) -> None:
    # If the worker died while it created the file, the file has no counts yet.
    with closing(MmapedDict(str(archive))) as values, suppress(struct.error, RuntimeError):
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(file)):
            values.write_value(key, combine((values.read_value(key)[0], value)), timestamp)


class AllProcessesCollector(Collector):
    """Collects the metrics of all workers, living and dead."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> list[Metric]:
        """Return the metrics, each combined over all processes."""
        with locked(self._folder / LOCK_FILE, shared=True, mode=0o600):
            # A new file is empty until its worker has set its size.
            files = [str(file) for file in self._folder.glob("*.db") if file.stat().st_size]
            return list(MultiProcessCollector.merge(files))
