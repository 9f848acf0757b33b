"""A data set: codes and targets, split into training, validation and test sets (stratified by class)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn import Features
from nn.numbers import Float32
from training.config import Config
from training.data.targets import Targets
from training.errors import TrainingError

ROWS_PER_CHUNK = 2**14
RowIndex = NDArray[np.intp]


@dataclass(frozen=True)
class Split:
    """A subset of the rows of an array of codes (N, K), and the data adapter that encodes them for `Sequential.fit`.

    `numbers` (N,) are the numbers that the rows have in their file; by default they are counted from 0.
    """

    features: Features
    codes: NDArray[Any]
    targets: NDArray[Any]
    rows: RowIndex
    numbers: RowIndex | None = None

    block = 1024  # rows per call of `gather`

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def y(self) -> NDArray[Any]:
        """The targets (N,): class indices, or values of a regression."""
        return np.asarray(self.targets[self.rows])

    @property
    def file_rows(self) -> RowIndex:
        """The numbers of the rows in their file (n,)."""
        return self.rows if self.numbers is None else self.numbers[self.rows]

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Whether each row has all values that the features require (n,)."""
        required = [j for j, column in enumerate(self.features.columns) if not column.missing]
        parts = [~np.isnan(codes[:, required]).any(axis=1) for codes, _ in self.chunks()]
        return np.concatenate([np.empty(0, bool), *parts])

    def choose(self, rows: RowIndex) -> "Split":
        """Return the split with other rows of the same array."""
        return replace(self, rows=rows)

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the inputs (N, I)."""
        return len(self.rows), self.features.width

    def gather(self, index: RowIndex, out: Float32) -> None:
        """Write the inputs of the rows at `index` into `out` (len(index), I)."""
        self.features.encode(self.codes[self.rows[index]], out)

    def take(self, index: slice | RowIndex) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return codes (B, K) and targets (B,) of the rows at `index`."""
        rows = self.rows[index]
        return self.codes[rows], self.targets[rows]

    def chunks(self) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Yield codes (B, K) and targets (B,) of all rows in chunks of at most ROWS_PER_CHUNK rows."""
        for start in range(0, len(self.rows), ROWS_PER_CHUNK):
            yield self.take(slice(start, start + ROWS_PER_CHUNK))


@dataclass(frozen=True)
class DataSet:
    """Three splits, the targets, the source of the data and notes; `image` is the shape (H, W) if rows are images."""

    train: Split
    validation: Split
    test: Split
    targets: Targets
    source: dict[str, Any]
    notes: list[str]
    image: tuple[int, int] | None = None
    first_row: int = 0  # the number of the first row of the test set's source, or of the data

    @property
    def features(self) -> Features:
        """The features, fitted to the training set."""
        return self.train.features


def split_rows(
    y: NDArray[Any], targets: Targets, config: Config, *, own_test: bool = False, fold: int | None = None
) -> tuple[RowIndex, RowIndex, RowIndex]:
    """Return the row numbers of the training, validation and test sets.

    The test set is empty if the data have one of their own. With `folds` it is the fold with this number, or empty. For
    a classification the splits are stratified by class. Raises TrainingError for a class with a single row.
    """
    rng = np.random.default_rng(config.seed)
    stratify = targets.task == "classification"
    if stratify and (counts := np.bincount(y, minlength=len(targets.labels))).min() < 2:
        label = targets.labels[int(counts.argmin())]
        raise TrainingError(
            f"class {label!r} has only one row; at least two are required, for training and for testing"
        )
    if config.folds:
        if config.folds > len(y):
            raise TrainingError(f"{config.folds} folds are more than the {len(y)} rows; set --folds to fewer")
        rest, test_rows = _fold(y, config.folds, fold, rng, stratify=stratify)
    else:
        rest, test_rows = _hold_out(y, 0 if own_test else config.test_share, rng, stratify=stratify)
    train, validation = _hold_out(y[rest], config.validation_share, rng, stratify=stratify)
    return rest[train], rest[validation], test_rows


def resplit(data: DataSet, config: Config, number: int) -> tuple[Split, Split]:
    """Return the training and validation sets of the network with this number; those of number 0 are the data's own.

    Each of the others holds out other rows of the two together.
    """
    if not number:
        return data.train, data.validation
    rest = np.sort(np.concatenate([data.train.rows, data.validation.rows]))
    rng = np.random.default_rng([config.seed, number])
    stratify = data.targets.task == "classification"
    train, validation = _hold_out(data.train.targets[rest], config.validation_share, rng, stratify=stratify)
    return data.train.choose(rest[train]), data.train.choose(rest[validation])


def _fold(
    y: NDArray[Any], folds: int, fold: int | None, rng: np.random.Generator, *, stratify: bool
) -> tuple[RowIndex, RowIndex]:
    """Return the rows outside and inside a fold, both ascending; each row is in one of the folds."""
    order = rng.permutation(len(y))
    if stratify:
        order = order[np.argsort(y[order], kind="stable")]
    inside = np.sort(order[fold::folds]) if fold is not None else order[:0]
    return np.setdiff1d(np.arange(len(y)), inside, assume_unique=True), inside


def _hold_out(y: NDArray[Any], share: float, rng: np.random.Generator, *, stratify: bool) -> tuple[RowIndex, RowIndex]:
    """Return the rows to keep and the rows to hold out, both ascending; with `stratify`, a share of every class.

    A class with one row is kept. Of a class with more rows, at least one is held out and at least one is kept.
    """
    groups = [np.flatnonzero(y == c) for c in np.unique(y)] if stratify else [np.arange(len(y))]
    counts = [min(max(round(len(group) * share), 1), len(group) - 1) if share else 0 for group in groups]
    chosen = [rng.permutation(group)[:count] for group, count in zip(groups, counts, strict=True)]
    held_out = np.sort(np.concatenate(chosen))
    return np.setdiff1d(np.arange(len(y)), held_out, assume_unique=True), held_out
