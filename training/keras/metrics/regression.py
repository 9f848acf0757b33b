"""Mean errors of regressions."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.keras.engine.data_adapter import TargetArray
from training.keras.metrics.base import Mean


class MeanAbsoluteError(Mean):
    """|output - y|, the mean over the outputs."""

    direction = "min"

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return the error of each row (B,)."""
        return np.asarray(np.abs(outputs - y.reshape(outputs.shape)).mean(axis=1))


class MeanSquaredError(Mean):
    """(output - y)², the mean over the outputs."""

    direction = "min"

    def values(self, y: TargetArray, outputs: Array) -> npt.NDArray[Any]:
        """Return the error of each row (B,)."""
        return np.asarray(np.square(outputs - y.reshape(outputs.shape)).mean(axis=1))
