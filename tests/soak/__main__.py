"""Runs the soak and prints a report. Exits with 1 if a response was wrong or missing, or something grows.

There are two servers on one store: the workers of one are killed and reloaded, so that only the other shows whether
memory grows. A version is published every second, old ones are removed, and whatever lies in the temporary folder of
the servers is removed like by a cleaner.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from store import publish
from tests.helpers.models import make_constant
from tests.helpers.server import Server
from tests.soak.resources import Sample, growth, slope, take_sample
from tests.soak.traffic import MODEL, Log, running

KEPT_VERSIONS = 5
KILL_SECONDS, RELOAD_SECONDS, CLEAN_SECONDS, SAMPLE_SECONDS = 7, 31, 5, 2
REPORT_SECONDS = 30
WARM_UP_SHARE, WARM_UP_SECONDS = 0.5, 600  # until memory is compared: half of a short run
MAX_SLOPE = 1.0  # MiB in ten minutes
MAX_NOISE = 2.0  # MiB that a short run may grow
MAX_DESCRIPTORS, MAX_NEW_THREADS = 4, 0.5


class Soak:
    """The store, the servers, and what is done to them."""

    def __init__(self, folder: Path) -> None:
        self.models, self.temporary = folder / "models", folder / "temporary"
        self.temporary.mkdir()
        self.log, self.samples, self._published = Log(), list[Sample](), 0
        self._random = random.Random(0)
        self.publish()

    def publish(self) -> None:
        """Publish the next version, and remove one that is not served any more."""
        self._published += 1
        publish(self.models, MODEL, make_constant((self._published - 1) % 3), {}, {}, force=True)
        old = self.models / MODEL / str(self._published - KEPT_VERSIONS)
        shutil.rmtree(old, ignore_errors=True)
        self.log.count("versions")

    def kill_worker(self, server: Server) -> None:
        if workers := server.workers():
            self.log.note_kill()
            os.kill(self._random.choice(workers), signal.SIGKILL)

    def reload(self, server: Server) -> None:
        server.process.send_signal(signal.SIGHUP)
        self.log.count("reloads")

    def clean(self) -> None:
        for entry in self.temporary.iterdir():
            self.log.fail(f"left in the temporary folder: {entry.name}")
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def run(self, seconds: float) -> None:
        """Run for some seconds."""
        with ExitStack() as stack:
            steady, shaken = [
                stack.enter_context(Server(self.models, workers=2, TMPDIR=str(self.temporary))) for _ in range(2)
            ]
            for server in (steady, shaken):
                server.wait_until_ready()
                server.wait_for(lambda server=server: len(server.workers()) == 2)  # type: ignore[misc]
                stack.enter_context(running(server, self.log))
            timers = [
                Timer(1, self.publish),
                Timer(KILL_SECONDS, lambda: self.kill_worker(shaken)),
                Timer(RELOAD_SECONDS, lambda: self.reload(shaken)),
                Timer(CLEAN_SECONDS, self.clean),
                Timer(SAMPLE_SECONDS, lambda: self.samples.append(take_sample(steady))),
                Timer(REPORT_SECONDS, self.report),
            ]
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for timer in timers:
                    timer.run_if_due()
                time.sleep(0.05)

    def report(self) -> None:
        sample = self.samples[-1]
        memory = f"{sample.memory / 2**20:.1f} MiB, {sample.descriptors} descriptors, {sample.threads} threads"
        print(
            f"{sum(self.log.counts.values()):,} done, {len(self.log.failures)} failures; steady: {memory}", flush=True
        )


class Timer:
    """Calls something every few seconds."""

    def __init__(self, seconds: float, call: object) -> None:
        self._seconds, self._call, self._due = seconds, call, time.monotonic() + seconds

    def run_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self._due += self._seconds
            self._call()  # type: ignore[operator]


def judge(soak: Soak, seconds: float) -> list[str]:
    """Return what is wrong."""
    warm_up = min(WARM_UP_SHARE * seconds, WARM_UP_SECONDS)
    samples = [sample for sample in soak.samples if sample.at > soak.samples[0].at + warm_up]
    measured = samples[-1].at - samples[0].at
    memory, most = slope(samples), max(MAX_SLOPE, MAX_NOISE * 600 / measured)
    descriptors, threads = growth(samples, "descriptors"), growth(samples, "threads")
    print(f"\nIn the last {measured:.0f} s: memory {memory:+.2f} MiB in ten minutes (at most {most:.2f}),")
    print(f"descriptors {descriptors:+.0f}, threads {threads:+.0f}")
    for what, count in sorted(soak.log.counts.items()):
        print(f"  {count:>9,} {what}")
    kinds = Counter(failure[:100] for failure in soak.log.failures)
    wrong = [f"{count} x {kind}" for kind, count in kinds.most_common(20)]
    wrong += ["memory grows"] * (memory > most) + ["descriptors grow"] * (descriptors > MAX_DESCRIPTORS)
    return wrong + ["threads grow"] * (threads > MAX_NEW_THREADS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5, help="(default: 5)")
    seconds = 60 * parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder))
        soak.run(seconds)
        wrong = judge(soak, seconds)
    assert threading.active_count() == 1
    print("\n".join(["", "FAILED", *wrong] if wrong else ["", "Nothing failed, and nothing grows."]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
