import math
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.datasets import write_csv
from training.config import Config
from training.data.load import load_dataset
from training.data.quality import check_quality


@pytest.mark.parametrize("spread", ["uniform", "normal", "lognormal"])
def test_target_leakage_is_detected_for_each_distribution(
    spread: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    target = getattr(rng, spread)(size=1000)
    rows = [f"{value},{math.exp(value / 10)},{rng.normal()},{value}" for value in target]
    data = load_dataset(Config(data=write_csv(tmp_path / "t.csv", "copy,curved,other,y", rows), target="y"))
    warnings = [warning for warning in check_quality(data) if "may leak the target" in warning]
    assert [warning.split()[1] for warning in warnings] == ["copy", "curved"]


def test_luck_in_one_of_many_columns_is_no_leak(tmp_path: Path, rng: np.random.Generator) -> None:
    """Of 3,000 columns of noise, some split the ten validation rows perfectly."""
    for task, columns in (("classification", 3000), ("regression", 100)):
        noise, names = rng.normal(size=(80, columns)).round(2), ",".join(f"g{number}" for number in range(columns))
        rows = [f"{','.join(map(str, values))},{'hi' if number % 2 else 'lo'}" for number, values in enumerate(noise)]
        target = "y" if task == "classification" else "g0"
        data = load_dataset(Config(data=write_csv(tmp_path / f"{task}.csv", f"{names},y", rows), target=target))
        assert data.targets.task == task
        assert [warning for warning in check_quality(data) if "column g" in warning] == []


def test_a_leak_among_many_columns_is_found(tmp_path: Path, rng: np.random.Generator) -> None:
    noise = rng.normal(size=(400, 50)).round(2)
    rows = [
        f"{','.join(map(str, values))},{number % 2},{'hi' if number % 2 else 'lo'}"
        for number, values in enumerate(noise)
    ]
    names = ",".join(f"g{number}" for number in range(noise.shape[1]))
    data = load_dataset(Config(data=write_csv(tmp_path / "leak.csv", f"{names},leak,y", rows), target="y"))
    assert [warning.split()[1] for warning in check_quality(data) if "may leak" in warning] == ["leak"]
