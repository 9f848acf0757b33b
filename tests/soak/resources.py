"""What the processes of a server hold: memory, open files, threads, and files in its temporary folder."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.helpers.server import Server

MIB = 2**20


class Sample(NamedTuple):
    """The sums over the master and its workers at one time, in seconds and bytes."""

    at: float
    workers: frozenset[int]
    memory: int
    descriptors: int
    threads: int


def take_sample(server: Server) -> Sample:
    workers = server.workers()
    processes = [server.process.pid, *workers]
    statuses = [Path(f"/proc/{process}/status").read_text() for process in processes]
    return Sample(
        time.monotonic(),
        frozenset(workers),
        sum(_number(status, name) for status in statuses for name in ("RssAnon", "RssShmem")) * 1024,
        sum(len(list(Path(f"/proc/{process}/fd").iterdir())) for process in processes),
        sum(_number(status, "Threads") for status in statuses),
    )


def _number(status: str, name: str) -> int:
    return int(status.split(f"{name}:")[1].split()[0])


def slope(samples: list[Sample]) -> float:
    """Return the growth of the memory by a straight line through the samples, in MiB per ten minutes."""
    times = np.array([sample.at for sample in samples])
    memory = np.array([sample.memory for sample in samples]) / MIB
    return float(np.polyfit(times - times[0], memory, 1)[0] * 600)


def growth(samples: list[Sample], name: str) -> float:
    """Return by how much the median of the last third exceeds that of the first third."""
    values, third = [getattr(sample, name) for sample in samples], max(len(samples) // 3, 1)
    return float(np.median(values[-third:]) - np.median(values[:third]))
