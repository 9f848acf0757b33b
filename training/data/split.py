"""Which rows are learned from, which tell when to stop, and which test the result."""

from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError

Rows = npt.NDArray[np.intp]


def split(targets: npt.NDArray[Any], share: float, rng: np.random.Generator, *, classes: bool) -> tuple[Rows, Rows]:
    """Return which rows stay and which are split off, both ascending; every class (B,) gives its share.

    A class of one row stays; one of more rows gives at least one, and keeps at least one.
    """
    groups = [np.flatnonzero(targets == c) for c in np.unique(targets)] if classes else [np.arange(len(targets))]
    taken = [rng.permutation(group)[: _count(len(group), share)] for group in groups]
    off = np.sort(np.concatenate(taken))
    stays = np.setdiff1d(np.arange(len(targets)), off, assume_unique=True)
    return stays, off


def _count(rows: int, share: float) -> int:
    return min(max(round(rows * share), 1), rows - 1) if share and rows > 1 else 0


def check_classes(targets: npt.NDArray[np.intp], labels: tuple[Any, ...]) -> None:
    """Refuse a class that can't both be learned and tested. Raises TrainingError."""
    counts = np.bincount(targets, minlength=len(labels))
    if counts.min() < 2:
        label = labels[int(counts.argmin())]
        raise TrainingError(f"class {label!r} has one row only; at least two are needed, one to test with")
