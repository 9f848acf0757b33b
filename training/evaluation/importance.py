"""Permutation importance: how much worse a model gets when what a column says is shuffled (Breiman 2001)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nn import Model
from training.data.dataset import DataSet
from training.evaluation.scores import predict

ROWS = 2000  # test rows that are asked
REPEATS = 5
MOST_PATCHES = 14  # along the side of an image
VALUES = 2**27  # inputs in all; wide rows are asked less often


@dataclass(frozen=True)
class Importance:
    """The mean rise of the loss for each group of columns (G,), and its deviation over the repeats (G,)."""

    names: list[str]
    rise: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64]
    image: tuple[int, int] | None = None  # the groups as a grid


def importance(model: Model, data: DataSet) -> Importance:
    """Shuffle one group of columns after the other among test rows: each column, or each patch of an image."""
    part = data.test
    groups, names, image = _groups(data)
    work = len(groups) * model.features.width
    rows = part.rows[:: max(-(-len(part) // min(ROWS, max(VALUES // work, 100))), 1)]
    repeats = min(max(VALUES // (work * len(rows)), 1), REPEATS)
    codes, targets = part.codes[rows], part.targets[rows]
    rng = np.random.default_rng(0)

    def loss(shuffled: npt.NDArray[np.generic]) -> float:
        return float(predict(model, [(shuffled, targets)]).losses.mean())

    base = loss(codes)
    rises = np.empty((len(groups), repeats))
    for number, group in enumerate(groups):
        for repeat in range(repeats):
            shuffled = codes.copy()
            shuffled[:, group] = codes[rng.permutation(len(codes))][:, group]
            rises[number, repeat] = loss(shuffled) - base
    return Importance(names, rises.mean(axis=1), rises.std(axis=1), image)


def _groups(data: DataSet) -> tuple[list[npt.NDArray[np.intp]], list[str], tuple[int, int] | None]:
    names = [column.name for column in data.features.columns]
    if data.image is None:
        return [np.array([j]) for j in range(len(names))], names, None
    height, width = data.image
    size = -(-max(height, width) // MOST_PATCHES)
    grid = -(-height // size), -(-width // size)
    rows, columns = np.divmod(np.arange(height * width), width)
    patch = rows // size * grid[1] + columns // size
    count = grid[0] * grid[1]
    return [np.flatnonzero(patch == number) for number in range(count)], [str(n) for n in range(count)], grid
