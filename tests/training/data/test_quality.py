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
