"""Chooses golden rows: real rows that cover each class, each known category, and missing values where allowed."""

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from nn import Boolean, Category, Golden, Model
from nn.features import Codes

MAX_GOLDEN_ROWS = 32
POOL_ROWS = 4096  # real rows to choose from


def choose_golden_rows(model: Model, codes: Codes, seed: int | np.random.Generator = 0) -> Golden:
    """Choose golden rows from the codes (B, K) of real rows, and compute their logits.

    The choice is greedy: the next row is the one with the most values that no chosen row covers; when all values are
    covered, rows are random. The same model, codes and seed give the same rows.
    """
    # Sums depend on the number of BLAS threads; with one, the file is bit-identical for any number of cores.
    with threadpool_limits(1, user_api="blas"):
        pool = codes[np.random.default_rng(seed).permutation(len(codes))[:POOL_ROWS]]
        values = _shown_values(model, pool)
        is_new = np.ones(values.max() + 1, bool)
        chosen = []
        for _ in range(MAX_GOLDEN_ROWS):
            best = int(is_new[values].sum(axis=1).argmax())
            is_new[values[best]] = False
            chosen.append(best)
        rows = list(dict.fromkeys([*chosen, *range(len(pool))]))[:MAX_GOLDEN_ROWS]
        return Golden.measure(model, model.features.to_cells(pool[rows]))


def _shown_values(model: Model, codes: Codes) -> npt.NDArray[np.intp]:
    """Return an id for each value that a row covers: its class, its categories, whether a cell is missing."""
    shown = [model.logits(codes).argmax(axis=1)]
    for column, cells in zip(model.features.columns, codes.T, strict=True):
        if isinstance(column, Boolean | Category) or column.missing:
            kinds = cells if isinstance(column, Boolean | Category) else np.isnan(cells)
            shown.append(shown[-1].max() + 1 + np.unique(kinds, return_inverse=True)[1])
    return np.stack(shown, axis=1)
