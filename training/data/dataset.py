"""Data to learn from: codes and targets, in a part to train on, one to validate and one to test with."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Features
from nn.columns import Float32
from training.config import Config
from training.data.split import Rows, check_classes, split
from training.data.targets import Targets

CHUNK_ROWS = 2**14


@dataclass(frozen=True)
class Part:
    """Some rows of an array of codes (N, K): a source to fit with, whose inputs are made batch by batch."""

    features: Features
    codes: npt.NDArray[Any]
    targets: npt.NDArray[Any]
    rows: Rows

    block = 1024

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

    def gather(self, index: Rows, out: Float32) -> None:
        """Write the inputs of the rows numbered `index` into `out` (len(index), I)."""
        self.features.encode(self.codes[self.rows[index]], out)

    def chunks(self) -> Iterator[tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
        """Yield codes (B, K) and targets (B,) of all rows, some thousands at a time."""
        for start in range(0, len(self.rows), CHUNK_ROWS):
            rows = self.rows[start : start + CHUNK_ROWS]
            yield self.codes[rows], self.targets[rows]


@dataclass(frozen=True)
class DataSet:
    """The parts, what the targets are, and what was noticed; `image` is the shape (H, W) of a row that is one."""

    train: Part
    validation: Part
    test: Part
    targets: Targets
    source: dict[str, Any]
    notes: list[str]
    image: tuple[int, int] | None = None

    @property
    def features(self) -> Features:
        """How a row becomes inputs."""
        return self.train.features


def split_parts(y: npt.NDArray[Any], targets: Targets, config: Config, *, test: bool) -> tuple[Rows, Rows, Rows]:
    """Return the rows of the three parts; `test` tells whether the test part is to be split off here."""
    rng = np.random.default_rng(config.seed)
    classes = targets.task == "classification"
    if classes:
        check_classes(y, targets.labels)
    rest, tested = split(y, config.test_share if test else 0, rng, classes=classes)
    trained, validated = split(y[rest], config.validation_share, rng, classes=classes)
    return rest[trained], rest[validated], tested
