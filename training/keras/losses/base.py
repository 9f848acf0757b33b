"""The base class of losses."""

from typing import Any

import numpy as np

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import reject_unknown_arguments
from training.keras.engine.data_adapter import TargetArray
from training.keras.lookup import snake_case

MEAN = "sum_over_batch_size"  # Keras's name for the mean over the batch


class Loss:
    """Base class of losses.

    `forward` computes the losses of a batch and the outputs of the model; `gradient` must be called after it.

    Args:
        name: Optional name of the loss.
        reduction: Only "sum_over_batch_size" is supported.
    """

    fused_activation: str | None = None
    from_logits = False

    def __init__(self, name: str | None = None, reduction: str = MEAN, **unknown: Any) -> None:
        reject_unknown_arguments(self, unknown)
        if reduction != MEAN:
            raise TrainingError(
                f"{type(self).__name__} only supports reduction={MEAN!r}. Received: reduction={reduction!r}"
            )
        self.name, self.reduction = name or snake_case(type(self).__name__), reduction

    def check(self, y: TargetArray, outputs: int) -> TargetArray:
        """Return the targets in the form that this loss expects. Raises TrainingError for invalid targets."""
        if y.ndim == 1 and outputs == 1:
            y = y[:, None]
        if y.ndim != 2 or y.shape[1] != outputs:
            raise TrainingError(f"{self.name} expects `y` of shape (n, {outputs}). Received: y.shape={y.shape}")
        if y.dtype.kind not in "biuf" or not np.isfinite(y).all():
            raise TrainingError(f"{self.name} expects `y` to contain finite numbers. Received: y.dtype={y.dtype}")
        return y.astype(np.float32) if y.dtype != np.float64 else y

    def forward(self, y: TargetArray, z: Array) -> tuple[Array, Array]:
        """Compute the losses (B,) and the outputs (B, C) from the targets and the last operation's output z (B, C)."""
        raise NotImplementedError

    def gradient(self, y: TargetArray) -> Array:
        """Compute the gradient of each sample's loss with respect to z (B, C); the outputs may be overwritten."""
        raise NotImplementedError
