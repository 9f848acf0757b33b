"""The tables of `benchmarks.tables`: files, data sets of scikit-learn, and generators. The target is the column y."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine


def _file(name: str, target: str, **options: Any) -> Callable[[Path], pd.DataFrame]:
    return lambda folder: pd.read_csv(folder / name, **options).rename(columns={target: "y"})


def _bundled(load: Callable[..., Any]) -> Callable[[Path], pd.DataFrame]:
    def table(folder: Path) -> pd.DataFrame:
        data = load(as_frame=True)
        y = data.target if "target_names" not in data else data.target.map(lambda c: data.target_names[c])
        return data.data.assign(y=y)

    return table


def _generated(
    seed: int, rows: int, make: Callable[[np.random.Generator, int], pd.DataFrame]
) -> Callable[[Path], pd.DataFrame]:
    return lambda folder: make(np.random.default_rng(seed), rows)


def _numbers(x: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({f"x{number}": column for number, column in enumerate(x.T)})


def _skewed(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """A target like a price: the exponential of effects and noise."""
    x, kind = rng.normal(size=(rows, 8)), rng.integers(0, 6, rows)
    log_y = 1 + 0.8 * x[:, 0] + 0.5 * np.sin(2 * x[:, 1]) + 0.3 * x[:, 2] * x[:, 3] + 0.2 * kind
    return _numbers(x).assign(kind=[f"k{k}" for k in kind], y=np.exp(log_y + 0.3 * rng.normal(size=rows)))


def _heteroscedastic(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Noise whose deviation depends on a column."""
    x = rng.uniform(-2, 2, size=(rows, 6))
    return _numbers(x).assign(y=3 * x[:, 0] + x[:, 1] ** 2 + np.exp(0.5 * x[:, 2]) * rng.normal(size=rows))


def _interactions(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Friedman 1991, "Multivariate Adaptive Regression Splines", equation 61, with five columns without effect."""
    x = rng.uniform(size=(rows, 10))
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return _numbers(x).assign(y=y + rng.normal(size=rows))


def _categories(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """Two columns with 200 and 40 categories; the second also changes the effect of a number."""
    a, b = rng.integers(0, 200, rows), rng.integers(0, 40, rows)
    effect_a, effect_b, x = rng.normal(size=200), rng.normal(size=40), rng.normal(size=(rows, 3))
    y = 3 * effect_a[a] + 2 * effect_b[b] + x[:, 0] * effect_b[b] + x[:, 1] + 0.5 * rng.normal(size=rows)
    return _numbers(x).assign(a=[f"a{v}" for v in a], b=[f"b{v}" for v in b], y=y)


def _few_rows(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    """A nearly linear target."""
    x = rng.normal(size=(rows, 7))
    return _numbers(x).assign(y=2 * x[:, 0] - x[:, 1] + 0.5 * x[:, 2] ** 2 + 0.8 * rng.normal(size=rows))


TABLES: dict[str, Callable[[Path], pd.DataFrame]] = {
    "ames": _file("ames.csv", "Sale_Price"),
    "deliveries": _file("deliveries.csv", "time_to_delivery"),
    "diabetes": _bundled(load_diabetes),
    "skewed": _generated(1, 8000, _skewed),
    "heteroscedastic": _generated(2, 6000, _heteroscedastic),
    "interactions": _generated(3, 10_000, _interactions),
    "categories": _generated(4, 8000, _categories),
    "few_rows": _generated(5, 200, _few_rows),
    "iris": _bundled(load_iris),
    "wine": _bundled(load_wine),
    "breast_cancer": _bundled(load_breast_cancer),
    "penguins": _file("penguins.csv", "species"),
    "churn": _file("churn.csv", "churn"),
    "adult": _file("adult.csv", "income", sep=";", skipinitialspace=True, na_values="?"),
}
