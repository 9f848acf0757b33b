"""Runs the soak and prints a report. Exits with 1 if a response was wrong or missing, or something grows.

There are two servers on one store: the workers of one are killed and reloaded, so that only the other shows whether
memory grows. Every second a version is published and an old one removed. The temporary folder of the servers is emptied
every few seconds, as some systems do.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

from store import publish
from tests.helpers.models import make_constant
from tests.helpers.server import Server
from tests.soak.resources import Sample, growth, slope, take_sample
from tests.soak.traffic import MODEL, PROTOCOLS, Log, running

KEPT_VERSIONS = 5
KILL_SECONDS, RELOAD_SECONDS, CLEAN_SECONDS, SAMPLE_SECONDS = 7, 31, 5, 2
REPORT_SECONDS = 30
MIN_MINUTES = 1.0
WARM_UP_SHARE, WARM_UP_SECONDS = 0.5, 600  # until memory is compared: half of a short run
MAX_SLOPE = 1.0  # MiB in ten minutes
MAX_NOISE = 2.0  # MiB that a short run may grow
MAX_SHED = 1e-3  # requests, for each of the native protocol: another program may take the cores for half a second
MAX_DESCRIPTORS, MAX_NEW_THREADS = 4, 0.5
EXPECTED = {*PROTOCOLS, "scrapes", "bad bodies", "clients that died"}


class Soak:
    """The store, the servers, and what is done to them."""

    def __init__(self, folder: Path) -> None:
        self.models, self.temporary, self._output = folder / "models", folder / "temporary", folder / "output"
        self.temporary.mkdir()
        self.steady, self.shaken, self.samples = Log(), Log(), list[Sample]()
        self._random, self._left, self._reported = random.Random(0), set[Path](), 0
        self.publish()

    @property
    def failures(self) -> list[str]:
        return [f"{name}: {each}" for name in ("steady", "shaken") for each in getattr(self, name).failures]

    def publish(self) -> None:
        """Publish the next version, and remove one that is not served any more."""
        version = self.steady.published + 1
        publish(self.models, MODEL, make_constant((version - 1) % 3), {}, {}, force=True)
        shutil.rmtree(self.models / MODEL / str(version - KEPT_VERSIONS), ignore_errors=True)
        self.steady.published = self.shaken.published = version

    def kill_worker(self, server: Server) -> None:
        workers = server.workers()
        if len(workers) > 1:  # one is left
            self.shaken.note_kill()
            with suppress(ProcessLookupError):  # it has ended by itself
                os.kill(self._random.choice(workers), signal.SIGKILL)

    def reload(self, server: Server) -> None:
        server.process.send_signal(signal.SIGHUP)
        self.shaken.count("reloads")

    def clean(self) -> None:
        """Remove what lies in the temporary folder since the last time. There should be nothing."""
        left = set(self.temporary.iterdir())
        for entry in left & self._left:
            self.steady.fail(f"left in the temporary folder: {entry.name}")
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self._left = left

    def run(self, seconds: float) -> None:
        """Run for some seconds."""
        with ExitStack() as stack:
            steady, shaken = [stack.enter_context(self._start(name)) for name in ("steady", "shaken")]
            for server, log in ((steady, self.steady), (shaken, self.shaken)):
                server.wait_until_ready()
                server.wait_for(lambda server=server: len(server.workers()) == 2)  # type: ignore[misc]
                stack.enter_context(running(server, log))
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
        for name in ("steady", "shaken"):
            if "Traceback" in (text := (self._output / name).read_text()):
                getattr(self, name).fail(f"logged {text[text.index('Traceback') :][:1000]}")

    def _start(self, name: str) -> Server:
        self._output.mkdir(exist_ok=True)
        return Server(self.models, prefix=["setsid"], output=str(self._output / name), TMPDIR=str(self.temporary))

    def report(self) -> None:
        """Print the state, and the failures since the last report."""
        for failure in self.failures[self._reported :][:5]:
            print(f"  {failure[:300]}")
        self._reported, sample = len(self.failures), self.samples[-1]
        memory = f"{sample.memory / 2**20:.1f} MiB, {sample.descriptors} descriptors, {sample.threads} threads"
        done = sum(self.steady.counts.values()) + sum(self.shaken.counts.values())
        print(f"{done:,} done, {self._reported} failures; steady: {memory}", flush=True)


class Timer:
    """Calls something every few seconds."""

    def __init__(self, seconds: float, call: Callable[[], object]) -> None:
        self._seconds, self._call, self._due = seconds, call, time.monotonic() + seconds

    def run_if_due(self) -> None:
        if time.monotonic() >= self._due:
            self._due += self._seconds
            self._call()


def judge(soak: Soak, seconds: float) -> list[str]:
    """Print a report, and return what is wrong."""
    warm_up = min(WARM_UP_SHARE * seconds, WARM_UP_SECONDS)
    samples = [sample for sample in soak.samples if sample.at > soak.samples[0].at + warm_up]
    measured = samples[-1].at - samples[0].at
    memory, most = slope(samples), max(MAX_SLOPE, MAX_NOISE * 600 / measured)
    descriptors, threads = growth(samples, "descriptors"), growth(samples, "threads")
    print(f"\nIn the last {measured:.0f} s: memory {memory:+.2f} MiB in ten minutes (at most {most:.2f}),")
    print(f"descriptors {descriptors:+.0f}, threads {threads:+.0f}; {soak.steady.published} versions")
    print(f"{'steady':>9} {'shaken':>9}")
    for what in sorted(soak.steady.counts | soak.shaken.counts):
        print(f"{soak.steady.counts[what]:>9,} {soak.shaken.counts[what]:>9,} {what}")
    wrong = [f"{count} x {kind}" for kind, count in Counter(each[:100] for each in soak.failures).most_common(20)]
    wrong += [f"no {what}" for log in (soak.steady, soak.shaken) for what in EXPECTED if not log.counts[what]]
    shed, done = (sum(log.counts[each] for log in (soak.steady, soak.shaken)) for each in ("shed", "native"))
    wrong += [f"{shed} requests were shed"] * (shed > MAX_SHED * done)
    wrong += ["no worker was killed"] * (not soak.shaken.counts["killed workers"])
    wrong += ["a worker of the steady server was replaced"] * (len({sample.workers for sample in soak.samples}) > 1)
    wrong += ["memory grows"] * (memory > most) + ["descriptors grow"] * (descriptors > MAX_DESCRIPTORS)
    return wrong + ["threads grow"] * (threads > MAX_NEW_THREADS)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=5, help=f"at least {MIN_MINUTES:g} (default: 5)")
    minutes = parser.parse_args().minutes
    if not minutes >= MIN_MINUTES:
        parser.error(f"--minutes must be at least {MIN_MINUTES:g}")
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder))
        soak.run(60 * minutes)
        wrong = judge(soak, 60 * minutes)
    print("\n".join(["", "FAILED", *wrong] if wrong else ["", "Nothing failed, and nothing grows."]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
