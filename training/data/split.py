"""Stratified splits: the indices of the rows to keep, and of those to hold out."""

from typing import Any

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError

RowIndex = npt.NDArray[np.intp]


def holdout_split(
    targets: npt.NDArray[Any], share: float, rng: np.random.Generator, *, stratify: bool
) -> tuple[RowIndex, RowIndex]:
    """Return the rows to keep and the rows to hold out, both ascending; `stratify` holds out a share of every class.

    A class of one row is kept; a class of more rows gives at least one row, and keeps at least one.
    """
    groups = [np.flatnonzero(targets == c) for c in np.unique(targets)] if stratify else [np.arange(len(targets))]
    chosen = [rng.permutation(group)[: _holdout_rows(len(group), share)] for group in groups]
    held_out = np.sort(np.concatenate(chosen))
    kept = np.setdiff1d(np.arange(len(targets)), held_out, assume_unique=True)
    return kept, held_out


def _holdout_rows(rows: int, share: float) -> int:
    return min(max(round(rows * share), 1), rows - 1) if share and rows > 1 else 0


def check_classes(targets: npt.NDArray[np.intp], labels: tuple[Any, ...]) -> None:
    """Refuse a class with too few rows to train and to test. Raises TrainingError."""
    counts = np.bincount(targets, minlength=len(labels))
    if counts.min() < 2:
        label = labels[int(counts.argmin())]
        raise TrainingError(f"class {label!r} has one row only; at least two are needed, one to test with")
