"""Permutation importance: the increase of the loss when the values of a column are shuffled (Breiman 2001)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nn import Model
from training.data.dataset import Split
from training.evaluation.scores import evaluate_model

MAX_IMPORTANCE_ROWS = 2000
MAX_REPEATS = 5
MAX_PATCHES_PER_SIDE = 14  # of an image
MAX_INPUTS = 2**27  # over all passes; wide rows get fewer repeats


@dataclass(frozen=True)
class Importance:
    """The mean increase of the loss for each group of columns (G,), and its deviation over the repeats (G,)."""

    names: list[str]  # of the columns; each column is a group unless the rows are images
    rise: NDArray[np.float64]
    deviation: NDArray[np.float64]
    image: tuple[int, int] | None = None  # shape of the grid of patches


def importance(model: Model, rows: Split, image: tuple[int, int] | None) -> Importance:
    """Measure the increase of the loss on rows when a group of columns is shuffled: a column, or an image patch.

    Each group is shuffled several times; the number of rows and repeats is limited.
    """
    group_of, grid = _column_groups(len(model.features), image)
    groups = range(int(group_of.max()) + 1)
    work = len(groups) * model.features.width
    step = -(-len(rows) // min(MAX_IMPORTANCE_ROWS, max(MAX_INPUTS // work, 100)))
    codes, targets = rows.take(slice(None, None, max(step, 1)))
    repeats = min(max(MAX_INPUTS // (work * len(codes)), 1), MAX_REPEATS)
    rng = np.random.default_rng(0)

    def loss(shuffled: NDArray[np.generic]) -> float:
        return float(evaluate_model(model, [(shuffled, targets)]).losses.mean())

    base = loss(codes)
    rises = np.empty((len(groups), repeats))
    for group in groups:
        columns = np.flatnonzero(group_of == group)
        for repeat in range(repeats):
            shuffled = codes.copy()
            shuffled[:, columns] = codes[rng.permutation(len(codes))][:, columns]
            rises[group, repeat] = loss(shuffled) - base
    names = [column.name for column in model.features.columns]
    return Importance(names, rises.mean(axis=1), rises.std(axis=1), grid)


def _column_groups(columns: int, image: tuple[int, int] | None) -> tuple[NDArray[np.intp], tuple[int, int] | None]:
    """Return the group of each column (K,), and for images the shape of the grid of patches."""
    if image is None:
        return np.arange(columns), None
    height, width = image
    size = -(-max(height, width) // MAX_PATCHES_PER_SIDE)
    grid = -(-height // size), -(-width // size)
    down, across = np.divmod(np.arange(height * width), width)
    return down // size * grid[1] + across // size, grid
