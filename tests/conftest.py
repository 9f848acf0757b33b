"""What all tests share: randomness that can be repeated, data sets, and a small model."""

# ruff: noqa: E402  # the number of BLAS threads is read when numpy is imported
import os

# Several test processes share the cores: their BLAS threads would spin against each other. Servers and commands that
# tests start inherit it; that gunicorn.conf.py sets it is tested without.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import secrets
from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import pytest

from nn import Artifact
from tests.helpers.models import make_artifact


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failure: what it lacks, CI should have installed."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
    return report


def _generator() -> np.random.Generator:
    seed = int(os.environ.get("NPSERVE_TEST_SEED") or secrets.randbits(32))
    print(f"NPSERVE_TEST_SEED={seed}")
    return np.random.default_rng(seed)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator whose seed a failing test prints; NPSERVE_TEST_SEED repeats it."""
    return _generator()


@pytest.fixture(scope="session")
def make_rng() -> Callable[[], np.random.Generator]:
    """For fixtures that tests share: each call makes such a generator; the set-up of the fixture prints its seed."""
    return _generator


@pytest.fixture
def artifact(rng: np.random.Generator) -> Artifact:
    return make_artifact(rng)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The real data sets, for the tests that need more than scikit-learn brings."""
    if not (folder := os.environ.get("NPSERVE_DATA")):
        pytest.skip("NPSERVE_DATA names no folder with mnist.npz, adult.csv and penguins.csv")
    return Path(folder)
