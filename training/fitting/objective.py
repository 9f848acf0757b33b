"""What networks are fitted to: the targets of a regression in standard units, and the weight of each class."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from training.config import Config
from training.data.dataset import DataSet


@dataclass(frozen=True)
class Objective:
    """The number of classes (0 for a regression), mean and deviation of the targets, and the weights of the classes."""

    classes: int
    mean: float = 0.0
    deviation: float = 1.0
    class_weights: tuple[float, ...] | None = None

    @classmethod
    def of(cls, settings: Config, data: DataSet) -> Self:
        """Return the objective of a run; it depends on the targets of the training set."""
        y, classes = data.train.y, len(data.targets.labels)
        if not classes:
            return cls(0, float(y.mean(dtype=np.float64)), float(y.std(dtype=np.float64)) or 1.0)
        if not settings.class_weight:
            return cls(classes)
        # A class without a training row has no weight that could matter.
        counts = np.maximum(np.bincount(y, minlength=classes), 1)
        return cls(classes, class_weights=tuple((len(y) / (classes * counts)).tolist()))

    def standardise(self, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return targets (B,) with mean 0 and deviation 1, or classes (B,) as they are."""
        return y if self.classes else ((y - self.mean) / self.deviation).astype(np.float32)

    def weights(self, y: npt.NDArray[Any]) -> npt.NDArray[np.float64] | None:
        """Return the weights of rows (B,) with these targets, or None if all weigh the same."""
        return None if self.class_weights is None else np.array(self.class_weights)[y]
