"""The lock files: every installation has the versions that the tests run with."""

import re
from pathlib import Path

import pytest

LOCKS = Path(__file__).parents[1] / "requirements"


def _pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (LOCKS / f"{name}.lock").read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", ["setup", "service", "training"])
def test_installed_versions_are_the_tested_ones(name: str) -> None:
    assert _pins(name).items() <= _pins("dev").items()


def test_the_service_is_installed_without_training() -> None:
    assert _pins("service").items() <= _pins("training").items()
    assert _pins("service").keys().isdisjoint({"scikit-learn", "matplotlib", "pyarrow", "uv", "pytest"})
