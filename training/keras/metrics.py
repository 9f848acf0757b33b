"""What is reported beside the loss: figures that are gathered batch by batch and read once an epoch."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.errors import TrainingError


class Mean:
    """The mean over rows."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what was gathered."""
        self._total, self._rows = 0.0, 0

    def add(self, total: float, rows: int) -> None:
        """Gather the sum of some rows."""
        self._total += total
        self._rows += rows

    def result(self) -> float:
        """Return the mean so far."""
        return self._total / max(self._rows, 1)


class SparseCategoricalAccuracy(Mean):
    """The share of rows whose largest output is that of the right class."""

    def update(self, y: npt.NDArray[np.intp], outputs: Array) -> None:
        """Gather a batch: class numbers (B,), outputs (B, C)."""
        self.add(int(np.count_nonzero(outputs.argmax(axis=1) == y)), len(y))


METRICS: dict[str, type[SparseCategoricalAccuracy]] = dict.fromkeys(
    ("accuracy", "acc", "sparse_categorical_accuracy"), SparseCategoricalAccuracy
)


def get(identifier: Any) -> SparseCategoricalAccuracy:
    """Look up a metric by name."""
    if not isinstance(identifier, str) or identifier not in METRICS:
        raise TrainingError(f"Could not interpret metric identifier: {identifier!r}; known are {', '.join(METRICS)}")
    return METRICS[identifier]()
