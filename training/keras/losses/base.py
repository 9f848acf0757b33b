"""The base class of losses."""

from typing import Any

import numpy as np

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import refuse_arguments
from training.keras.engine.data_adapter import TargetArray
from training.keras.lookup import snake_case

MEAN = "sum_over_batch_size"  # the mean over the rows, by Keras's name


class Loss:
    """`forward` gives the losses of a batch and the outputs of the model; `gradient` must follow it."""

    fused_activation: str | None = None
    from_logits = False

    def __init__(self, name: str | None = None, reduction: str = MEAN, **unknown: Any) -> None:
        refuse_arguments(self, unknown)
        if reduction != MEAN:
            raise TrainingError(f"{type(self).__name__} takes reduction={MEAN!r} alone, got {reduction!r}")
        self.name, self.reduction = name or snake_case(type(self).__name__), reduction

    def check(self, y: TargetArray, outputs: int) -> TargetArray:
        """Return the targets as this loss takes them. Raises TrainingError for any others."""
        if y.ndim == 1 and outputs == 1:
            y = y[:, None]
        if y.ndim != 2 or y.shape[1] != outputs:
            raise TrainingError(f"{self.name} takes targets of shape (n, {outputs}) here, got {y.shape}")
        if y.dtype.kind not in "biuf" or not np.isfinite(y).all():
            raise TrainingError(f"{self.name} takes finite numbers as targets, got {y.dtype} values")
        return y.astype(np.float32) if y.dtype != np.float64 else y

    def forward(self, y: TargetArray, z: Array) -> tuple[Array, Array]:
        """Targets and the output of the last operation (B, C) -> losses (B,) and outputs (B, C)."""
        raise NotImplementedError

    def gradient(self, y: TargetArray) -> Array:
        """Return the gradient of each row's loss with respect to z (B, C); the outputs may be overwritten."""
        raise NotImplementedError
