"""Fixtures for all tests: reproducible random numbers, data sets, and a small model."""

# ruff: noqa: E402  # numpy reads the number of BLAS threads on import
import os

# Several test processes share the cores, and their BLAS threads would compete. Servers and commands started by tests
# inherit these variables; the test that gunicorn.conf.py sets them removes them first.
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
    """Report a skipped test as failed in CI, where all requirements should be installed."""
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
    """A generator with a random seed, which a failing test prints; set NPSERVE_TEST_SEED to repeat it."""
    return _generator()


@pytest.fixture(scope="session")
def make_rng() -> Callable[[], np.random.Generator]:
    """A factory of such generators for session fixtures, which print the seed during their setup."""
    return _generator


@pytest.fixture
def artifact(rng: np.random.Generator) -> Artifact:
    return make_artifact(rng)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of the real data sets that scikit-learn does not contain."""
    if not (folder := os.environ.get("NPSERVE_DATA")):
        pytest.skip("NPSERVE_DATA is not set: expected a folder with mnist.npz, adult.csv and penguins.csv")
    return Path(folder)
