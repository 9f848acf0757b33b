"""Measure how a large CSV file is read and predicted, beside pandas and scikit-learn.

    python -m benchmarks.files [--rows 1000000] [--rounds 3]

The file has 16 columns: numbers, categories, a time and a class. In each round both systems start in a process of their
own, one after the other: until the first epoch can begin (the file is read, split and preprocessed), and until the
predictions of all rows are written. A result is the median over the rounds, memory the highest that a process held.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.file_jobs import STEPS
from benchmarks.options import make_parser

SYSTEMS = {"npserve": "npserve", "pandas": "pandas, scikit-learn"}


class Job(NamedTuple):
    """The seconds of a process from its start to its end, and its highest memory in MB."""

    seconds: float
    memory: float


def main() -> None:
    """Print seconds, rows per second and memory of both systems."""
    parser = make_parser("files", __doc__)
    parser.add_argument(
        "--rows", type=int, default=1_000_000, metavar="N", help="rows of the file (default: %(default)s)"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of each system (default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder, "table.csv")
        run(
            "write", str(options.rows), folder
        )  # elsewhere, so that this process stays small: a child begins with its size
        print(f"{options.rows:,} rows, {table.stat().st_size / 1e6:.0f} MB")
        for system in SYSTEMS:
            run("train", system, folder)
        for step in STEPS:
            rounds = [{system: run(step, system, folder) for system in SYSTEMS} for _ in range(options.rounds)]
            report(step, rounds, options.rows)


def report(step: str, rounds: list[dict[str, Job]], rows: int) -> None:
    """Print a table of both systems."""
    print(f"\n{step:24}{'seconds':>10}{'rows/s':>12}{'MB':>8}")
    for system, title in SYSTEMS.items():
        seconds = statistics.median(jobs[system].seconds for jobs in rounds)
        memory = max(jobs[system].memory for jobs in rounds)
        print(f"{title:24}{seconds:10.2f}{rows / seconds:12,.0f}{memory:8.0f}")
    ratio = statistics.median(jobs["pandas"].seconds / jobs["npserve"].seconds for jobs in rounds)
    print(f"npserve takes 1/{ratio:.2f} of the time", flush=True)


def run(step: str, system: str, folder: str) -> Job:
    """Run a step of a system in a process of its own, with one BLAS thread."""
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "NPSERVE_MODELS": f"{folder}/models",
    }
    began = time.perf_counter()
    arguments = [sys.executable, "-m", "benchmarks.file_jobs", step, system, folder]
    process = subprocess.Popen(arguments, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(arguments)} failed")
    return Job(time.perf_counter() - began, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
