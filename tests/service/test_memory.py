"""Freed memory stays with the process, where the C library can do that."""

import ctypes
import subprocess
import sys

import pytest

from service.memory import keep_freed_memory

FAULTS = """
import resource, sys
import numpy as np
from service.memory import keep_freed_memory
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
def test_blocks_that_were_freed_are_not_faulted_in_again() -> None:
    assert _faults("kept") < 100 < 10_000 < _faults("given back")


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    keep_freed_memory()
