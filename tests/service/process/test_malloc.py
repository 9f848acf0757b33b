"""Freed memory stays in the process if the C library supports it."""

import ctypes
import gzip
import io
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import requests

from service.process.malloc import keep_freed_memory
from store import publish
from tests.helpers.models import make_artifact
from tests.helpers.npy import NPY, write_npy
from tests.helpers.server import SPARE_BYTES, Server

FAULTS = """
import resource, sys
import numpy as np
from service.process.malloc import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def work():
    blocks = [np.ones(100_000, np.float32) for _ in range(10)]
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(100):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(how: str) -> int:
    return int(subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, check=True).stdout)


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library has no mallopt")
def test_freed_blocks_cause_no_page_faults_when_reused() -> None:
    assert _faults("kept") < 100 < 10_000 < _faults("given back")


def test_another_c_library_is_not_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_freed_memory()


def _peak(server: Server) -> int:
    """Return the peak memory of the worker in bytes."""
    (worker,) = server.workers()
    line = Path(f"/proc/{worker}/status").read_text().split("VmHWM:")[1]
    return int(line.split()[0]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
def test_peak_memory_of_the_most_expensive_bodies_is_bounded(models: Path, rng: np.random.Generator) -> None:
    """Compressed int8: each byte becomes a float32."""
    size, held = 2**23, 2**27
    publish(models, "wide", make_artifact(rng, (256, 8, 3)), {}, {})
    body = gzip.compress(write_npy(rng.integers(0, 127, (size // 256 - 1, 256), np.int8)), 1)
    headers = {"Content-Type": NPY, "Content-Encoding": "gzip"}
    limits = {"NPSERVE_MAX_BINARY_BYTES": str(size), "NPSERVE_MAX_HELD_BYTES": str(held)}
    with Server(models, 1, **limits) as server, ThreadPoolExecutor(12) as pool:

        def ask(_: int = 0) -> requests.Response:
            return requests.post(f"{server.url}/predict", data=body, headers=headers, timeout=20)

        server.wait_until_ready()
        before, answer = _peak(server), ask()
        assert (answer.status_code, len(np.load(io.BytesIO(answer.content)))) == (200, size // 256 - 1)
        statuses = [answer.status_code for answer in pool.map(ask, range(36))]
        assert {*statuses} <= {200, 503}
        assert statuses.count(200) > 1
        assert _peak(server) - before < held + SPARE_BYTES


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")
def test_a_closed_connection_holds_no_body(iris: Path) -> None:
    body = write_npy(np.zeros((2**18, 4), np.float32))
    with Server(iris, workers=1) as server:
        server.wait_until_ready()
        for number in range(12):
            answer = requests.post(f"{server.url}/predict", data=body, headers={"Content-Type": NPY}, timeout=20)
            assert answer.status_code == 200
            if number == 3:
                before = _peak(server)
        assert _peak(server) - before < 3 * len(body)
