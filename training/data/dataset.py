"""A data set: codes and targets, split into training, validation and test rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Features
from nn.numbers import Float32
from training.config import Config
from training.data.split import RowIndex, check_classes, holdout_split
from training.data.targets import Targets

ROWS_PER_CHUNK = 2**14


@dataclass(frozen=True)
class Split:
    """Some rows of an array of codes (N, K): a source of inputs for `Sequential.fit`, encoded batch by batch."""

    features: Features
    codes: npt.NDArray[Any]
    targets: npt.NDArray[Any]
    rows: RowIndex

    block = 1024  # rows to gather at once

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def y(self) -> npt.NDArray[Any]:
        """The targets of these rows (N,): class numbers or values."""
        return np.asarray(self.targets[self.rows])

    @property
    def shape(self) -> tuple[int, int]:
        """The shape (N, I) of the inputs."""
        return len(self.rows), self.features.width

    def gather(self, index: RowIndex, out: Float32) -> None:
        """Write the inputs of the rows numbered `index` into `out` (len(index), I)."""
        self.features.encode(self.codes[self.rows[index]], out)

    def chunks(self) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        """Yield codes (B, K) and targets (B,) of all rows, some thousands at a time."""
        for start in range(0, len(self.rows), ROWS_PER_CHUNK):
            rows = self.rows[start : start + ROWS_PER_CHUNK]
            yield self.codes[rows], self.targets[rows]


@dataclass(frozen=True)
class DataSet:
    """Three splits, the meaning of the targets, and notes about the data; `image` is the shape (H, W) of image rows."""

    train: Split
    validation: Split
    test: Split
    targets: Targets
    source: dict[str, Any]
    notes: list[str]
    image: tuple[int, int] | None = None

    @property
    def features(self) -> Features:
        """The features, which encode a row as inputs."""
        return self.train.features


def split_rows(
    y: npt.NDArray[Any], targets: Targets, config: Config, *, test: bool
) -> tuple[RowIndex, RowIndex, RowIndex]:
    """Return the training, validation and test rows; without `test` there are no test rows among them."""
    rng = np.random.default_rng(config.seed)
    stratify = targets.task == "classification"
    if stratify:
        check_classes(y, targets.labels)
    rest, test_rows = holdout_split(y, config.test_share if test else 0, rng, stratify=stratify)
    train, validation = holdout_split(y[rest], config.validation_share, rng, stratify=stratify)
    return rest[train], rest[validation], test_rows
