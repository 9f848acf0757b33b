"""Crossentropy losses, computed from logits: more accurate than from the logarithm of rounded probabilities.

If the model ends in the `fused_activation` of its loss, training omits that activation. Other probabilities are
converted to logits by an operation that training appends.
"""

from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from nn.activations import ACTIVATIONS, Array
from training.errors import TrainingError
from training.keras.checks import check_axis, check_number
from training.keras.engine.data_adapter import TargetArray
from training.keras.engine.ops import Op, Workspace
from training.keras.losses.base import Loss

EPSILON = 1e-7  # keras.config.epsilon(): probabilities are clipped to EPSILON … 1 - EPSILON


class LogOp:
    """z = log(p): converts probabilities that are not the output of a softmax to logits. The gradient is g / p."""

    def forward(self, p: Array, training: bool) -> Array:
        clipped = np.clip(p, EPSILON, 1 - EPSILON)
        if training:
            self._clipped, self._inside = clipped, clipped == p
        return np.log(clipped)

    def backward(self, g: Array) -> Array:
        """Return the gradient (B, C), which is zero where the probability was clipped."""
        g /= self._clipped
        g *= self._inside
        return g


class LogitOp(LogOp):
    """z = log(p / (1 - p)): converts probabilities that are not the output of a sigmoid to logits."""

    def forward(self, p: Array, training: bool) -> Array:
        z = super().forward(p, training)
        z -= np.log(1 - np.clip(p, EPSILON, 1 - EPSILON))
        return z

    def backward(self, g: Array) -> Array:
        """Return the gradient g / (p (1 - p))."""
        g /= 1 - self._clipped
        return super().backward(g)


class Crossentropy(Loss):
    """Base class of the crossentropy losses.

    Args:
        from_logits: Whether the outputs of the model are logits instead of probabilities.
        label_smoothing: Float in [0, 1]. Fraction of the target probability that is spread evenly over all classes.
        base: `name` and `reduction`.
    """

    to_logits: ClassVar[type[Op]]  # for probabilities that are not the outputs of `fused_activation`

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1, **base: Any) -> None:
        super().__init__(**base)
        check_axis(axis)
        self.axis = axis
        check_number("label_smoothing", label_smoothing, 0, 1)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
        self._logits = Workspace()

    def _smoothed(self, y: TargetArray, classes: int) -> TargetArray:
        return y * (1 - self.label_smoothing) + self.label_smoothing / classes if self.label_smoothing else y

    def _keep_logits(self, z: Array) -> Array:
        """Keep the logits as `p`, to be turned into probabilities in place; return the outputs of the model."""
        self.p = z
        if self.from_logits:
            self.p = self._logits.get(z.shape, z.dtype)
            self.p[:] = z
        return z


class SoftmaxCrossentropy(Crossentropy):
    """Base class for probabilities that sum to 1: log softmax(z) = z - max z - log sum exp(z - max z)."""

    fused_activation = "softmax"
    to_logits = LogOp

    def _center_logits(self, z: Array) -> Array:
        """Keep z - max z as `p`; return the outputs of the model."""
        outputs = self._keep_logits(z)
        self.p -= self.p.max(axis=1, keepdims=True)
        return outputs

    def _log_sum(self) -> Array:
        """Turn `p` into probabilities (B, C); return log sum exp(z - max z) (B,)."""
        np.exp(self.p, out=self.p)
        total = self.p.sum(axis=1, keepdims=True)
        self.p /= total
        logarithm: Array = np.log(total[:, 0])
        return logarithm


@cache
def _row_numbers(count: int) -> npt.NDArray[np.intp]:
    return np.arange(count)


class SparseCategoricalCrossentropy(SoftmaxCrossentropy):
    """Computes the crossentropy loss between class indices y (B,) and predictions: -log softmax(z)_y.

    With a label smoothing of s, the target probability is 1 - s + s / C for the class y, and s / C for the others.
    """

    def check(self, y: TargetArray, outputs: int) -> TargetArray:
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1:
            raise TrainingError(
                f"sparse_categorical_crossentropy expects `y` of class indices (n,). Received: y.shape={y.shape}"
            )
        if y.dtype.kind not in "biuf" or not np.array_equal(y, np.floor(y.astype(np.float64))):
            raise TrainingError(
                f"sparse_categorical_crossentropy expects `y` to contain integer class indices. Received:"
                f" y.dtype={y.dtype}"
            )
        if y.size and not (y.min() >= 0 and y.max() < outputs):
            raise TrainingError(
                f"Received a label value of {y.max() if y.max() >= outputs else y.min()} which is outside the valid"
                f" range of [0, {outputs}): the model has {outputs} outputs"
            )
        return y.astype(np.intp)

    def forward(self, y: TargetArray, z: Array) -> tuple[Array, Array]:
        smooth, outputs = self.label_smoothing, self._center_logits(z)
        truth = self.p[_row_numbers(len(y)), y]
        if smooth:
            truth = (1 - smooth) * truth + smooth * self.p.mean(axis=1)
        return self._log_sum() - truth, outputs

    def gradient(self, y: TargetArray) -> Array:
        """Compute softmax(z) - one_hot(y)."""
        self.p[_row_numbers(len(y)), y] -= 1 - self.label_smoothing
        if self.label_smoothing:
            self.p -= self.label_smoothing / self.p.shape[1]
        return self.p


class CategoricalCrossentropy(SoftmaxCrossentropy):
    """Computes the crossentropy loss between one-hot or probability targets y (B, C) and predictions.

    The loss is the sum of -y log softmax(z) over the classes.
    """

    def forward(self, y: TargetArray, z: Array) -> tuple[Array, Array]:
        y, outputs = self._smoothed(y, y.shape[1]), self._center_logits(z)
        truth = (y * self.p).sum(axis=1)
        return y.sum(axis=1) * self._log_sum() - truth, outputs

    def gradient(self, y: TargetArray) -> Array:
        """Compute softmax(z) - y, for y that sums to 1."""
        self.p -= self._smoothed(y, y.shape[1])
        return self.p


class BinaryCrossentropy(Crossentropy):
    """Computes the crossentropy loss between targets y (B, C) in [0, 1] and predictions p = sigmoid(z).

    The loss is the mean of -(y log p + (1 - y) log (1 - p)) over the outputs.
    """

    fused_activation = "sigmoid"
    to_logits = LogitOp

    def check(self, y: TargetArray, outputs: int) -> TargetArray:
        y = super().check(y, outputs)
        if y.size and not (y.min() >= 0 and y.max() <= 1):
            raise TrainingError(
                f"binary_crossentropy expects `y` in the range [0, 1]. Received: values from {y.min():g} to {y.max():g}"
            )
        return y

    def forward(self, y: TargetArray, z: Array) -> tuple[Array, Array]:
        """Compute the losses (B,) as max(z, 0) - z y + log(1 + exp(-|z|)), which never overflows."""
        losses = np.maximum(z, 0) - z * self._smoothed(y, 2) + np.log1p(np.exp(-np.abs(z)))
        rows: Array = losses.mean(axis=1)
        outputs = self._keep_logits(z)
        ACTIVATIONS["sigmoid"].forward(self.p)
        return rows, outputs

    def gradient(self, y: TargetArray) -> Array:
        """Compute (sigmoid(z) - y) / C."""
        self.p -= self._smoothed(y, 2)
        self.p /= self.p.shape[1]
        return self.p
