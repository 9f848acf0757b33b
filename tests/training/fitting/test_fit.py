import dataclasses
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from nn.features import Codes
from tests.helpers.datasets import write_csv
from training.config import Config
from training.data.dataset import DataSet
from training.data.load import load_dataset
from training.fitting.fit import FittedModel, fit_model
from training.keras.callbacks import Callback


def _table(tmp_path: Path, rng: np.random.Generator, rows: int = 300) -> Config:
    """A regression that is linear but for one column, with a target far from 0."""
    x = rng.normal(size=(rows, 4))
    y = 5000 + 100 * (2 * x[:, 0] - x[:, 1] + 0.3 * x[:, 2] ** 2 + 0.3 * rng.normal(size=rows))
    lines = [",".join(f"{value:.5f}" for value in row) for row in np.column_stack([x, y])]
    return Config(data=write_csv(tmp_path / "t.csv", "a,b,c,d,y", lines), target="y")


def _r2(model: Any, data: DataSet) -> float:
    codes, y = data.test.take(slice(None))
    return float(r2_score(y, model.predict(codes)[:, 0]))


def test_a_small_table_is_predicted_as_well_as_by_a_linear_regression(tmp_path: Path, rng: np.random.Generator) -> None:
    config = _table(tmp_path, rng)
    data = load_dataset(config)
    fitted = fit_model(config, data)
    rest = np.concatenate([data.train.rows, data.validation.rows])
    linear = LinearRegression().fit(data.train.codes[rest], data.train.targets[rest])
    reference = r2_score(data.test.y, linear.predict(data.test.take(slice(None))[0]))
    assert _r2(fitted.model, data) > reference - 0.01
    assert _r2(fitted.linear, data) > reference - 0.02


def _shapes(fitted: FittedModel) -> list[int]:
    return [layer.kernel.shape[1] for layer in fitted.model.network.layers]


def test_the_model_is_one_network_of_all(tmp_path: Path, rng: np.random.Generator) -> None:
    # Trained well enough that the networks have a share, whatever the seed.
    config = dataclasses.replace(_table(tmp_path, rng), epochs=30, networks=3, layers=(8, 5), learning_rate=0.01)
    data = load_dataset(config)
    fitted = fit_model(config, data)
    assert len(fitted.networks) == 3
    assert 0 < fitted.mixture.linear < 1
    assert _shapes(fitted) == [3 * 8 + 3 * 2, 3 * 5 + 3 * 2, 1]
    assert (fitted.settings.dropout, fitted.settings.batch_size) == (0.0, 32)


@pytest.mark.parametrize(
    ("settings", "shapes"),
    [
        ({"activation": "tanh"}, [16, 1]),  # a linear model can't pass through tanh
        ({"validation_share": 0.0}, [16, 1]),  # nothing tells how good it is
        ({"networks": 1, "activation": "gelu"}, [8, 1]),
        ({"layers": ()}, [1]),
    ],
)
def test_without_a_linear_model_the_networks_are_averaged(
    settings: dict[str, Any], shapes: list[int], tmp_path: Path, rng: np.random.Generator
) -> None:
    small: dict[str, Any] = {"epochs": 2, "networks": 2, "layers": (8,)}
    config = dataclasses.replace(_table(tmp_path, rng, 120), **small | settings)
    fitted = fit_model(config, load_dataset(config))
    assert _shapes(fitted) == shapes
    assert fitted.mixture.linear == 0


def test_the_next_year_goes_on_from_the_last(tmp_path: Path, rng: np.random.Generator) -> None:
    years = rng.integers(2016, 2025, 400)
    lines = [f"{year},{rng.normal():.3f},{100 * (year - 2014) + rng.normal():.2f}" for year in years]
    config = Config(data=write_csv(tmp_path / "t.csv", "year,u,y", lines), target="y")
    model = fit_model(config, load_dataset(config)).model
    codes: Codes = np.array([[2016, 0], [2024, 0], [2025, 0], [2026, 0]], float)
    assert model.predict(codes)[:, 0] == pytest.approx([200, 1000, 1100, 1200], rel=0.06)


class _Stop(Callback):
    """Ends a run as a crash would, in the second epoch."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            raise RuntimeError


def _stop_in(fatal: str, name: str) -> list[Callback]:
    return [_Stop()] if name == fatal else []


def test_a_run_that_ends_in_any_network_resumes_bit_identically(tmp_path: Path, rng: np.random.Generator) -> None:
    config = dataclasses.replace(_table(tmp_path, rng, 150), epochs=3, networks=2, layers=(8,))
    data = load_dataset(config)
    whole = fit_model(config, data)
    for fatal in ("network 1 of 2", "network 2 of 2", "linear model 2 of 2"):
        with pytest.raises(RuntimeError):
            fit_model(config, data, checkpoint=tmp_path / "c", callbacks=partial(_stop_in, fatal))
    resumed = fit_model(config, data, checkpoint=tmp_path / "c")
    assert resumed.mixture == whole.mixture
    for one, other in zip(whole.model.network.layers, resumed.model.network.layers, strict=True):
        np.testing.assert_array_equal(one.kernel, other.kernel)
