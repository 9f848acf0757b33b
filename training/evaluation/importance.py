"""Permutation importance: how much the loss rises when the values of a column are shuffled (Breiman 2001)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nn import Model
from training.data.dataset import DataSet
from training.evaluation.scores import evaluate_model

MAX_IMPORTANCE_ROWS = 2000
MAX_REPEATS = 5
MAX_PATCHES_PER_SIDE = 14  # of an image
MAX_INPUTS = 2**27  # in all passes together; wide rows are repeated less often


@dataclass(frozen=True)
class Importance:
    """The mean rise of the loss for each group of columns (G,), and its deviation over the repeats (G,)."""

    names: list[str]
    rise: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]
    image: tuple[int, int] | None = None  # the shape of the grid of groups


def importance(model: Model, data: DataSet) -> Importance:
    """Shuffle each group of columns among test rows: each column, or each patch of an image."""
    split = data.test
    groups, names, image = _column_groups(data)
    work = len(groups) * model.features.width
    rows = split.rows[:: max(-(-len(split) // min(MAX_IMPORTANCE_ROWS, max(MAX_INPUTS // work, 100))), 1)]
    repeats = min(max(MAX_INPUTS // (work * len(rows)), 1), MAX_REPEATS)
    codes, targets = split.codes[rows], split.targets[rows]
    rng = np.random.default_rng(0)

    def loss(shuffled: npt.NDArray[np.generic]) -> float:
        return float(evaluate_model(model, [(shuffled, targets)]).losses.mean())

    base = loss(codes)
    rises = np.empty((len(groups), repeats))
    for number, group in enumerate(groups):
        for repeat in range(repeats):
            shuffled = codes.copy()
            shuffled[:, group] = codes[rng.permutation(len(codes))][:, group]
            rises[number, repeat] = loss(shuffled) - base
    return Importance(names, rises.mean(axis=1), rises.std(axis=1), image)


def _column_groups(data: DataSet) -> tuple[list[npt.NDArray[np.intp]], list[str], tuple[int, int] | None]:
    names = [column.name for column in data.features.columns]
    if data.image is None:
        return [np.array([j]) for j in range(len(names))], names, None
    height, width = data.image
    size = -(-max(height, width) // MAX_PATCHES_PER_SIDE)
    grid = -(-height // size), -(-width // size)
    rows, columns = np.divmod(np.arange(height * width), width)
    patch = rows // size * grid[1] + columns // size
    count = grid[0] * grid[1]
    return [np.flatnonzero(patch == number) for number in range(count)], [str(n) for n in range(count)], grid
