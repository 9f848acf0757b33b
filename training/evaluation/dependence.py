"""Partial dependence: the mean prediction if all rows had the same value in a column (Friedman 2001)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import Boolean, Category, Model
from nn.columns import Cell, Column
from training.data.dataset import Split

MAX_DEPENDENCE_ROWS = 500
MAX_POINTS = 25  # of a curve
MAX_CATEGORY_BARS = 10
QUANTILES = (0.01, 0.99)  # between which the values of a number lie


@dataclass(frozen=True)
class Dependence:
    """The mean outputs (P, C) at some values of a column; `cells` are the values as a request has them."""

    column: Column
    codes: NDArray[np.float64]
    cells: list[Cell]
    outputs: NDArray[np.float64]

    @property
    def is_curve(self) -> bool:
        """Whether the values have an order and a distance."""
        return not isinstance(self.column, Boolean | Category)


def partial_dependence(model: Model, rows: Split, number: int) -> Dependence | None:
    """Return the dependence on the column with this number, or None if the rows have fewer than two values."""
    codes = rows.take(slice(None, None, max(len(rows) // MAX_DEPENDENCE_ROWS, 1)))[0].astype(np.float64)
    column = model.features.columns[number]
    points = _points(column, codes[:, number])
    if len(points) < 2:
        return None
    outputs = []
    for point in points:
        changed = codes.copy()
        changed[:, number] = point
        outputs.append(model.predict(changed).mean(axis=0, dtype=np.float64))
    return Dependence(column, points, [column.to_cell(point) for point in points], np.array(outputs))


def _points(column: Column, codes: NDArray[Any]) -> NDArray[np.float64]:
    """Return the values (P,): the most frequent categories, or numbers in even steps between quantiles."""
    distinct, counts = np.unique(codes[~np.isnan(codes)], return_counts=True)
    if isinstance(column, Boolean | Category):
        return np.asarray(distinct[np.argsort(-counts, kind="stable")[:MAX_CATEGORY_BARS]])
    if len(distinct) <= MAX_POINTS:
        return np.asarray(distinct)
    low, high = np.nanquantile(codes, QUANTILES)
    return np.linspace(low, high, MAX_POINTS) if high > low else distinct[:1]
