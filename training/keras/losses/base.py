"""What training makes small: the loss of each row, and its gradient.

A crossentropy works on logits, which is exact where taking the logarithm of a probability is not:
the activation that it `absorbs` is left out in training where the model ends in it. Names,
defaults and formulas are those of Keras 3 (`keras/src/losses/losses.py`).
"""

from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from nn.activations import ACTIVATIONS, Array
from training.errors import TrainingError
from training.keras.checks import check_number, refuse_arguments
from training.keras.engine.ops import Buffer, Log, Logit, Step
from training.keras.lookup import look_up

Targets = npt.NDArray[Any]


MEAN = "sum_over_batch_size"  # the mean over the rows, by Keras's name


class Loss:
    """`forward` gives the losses of a batch and the outputs of the model; `gradient` must follow it."""

    name: str
    absorbs: str | None = None
    from_logits = False

    def __init__(self, name: str | None = None, reduction: str = MEAN, **unknown: Any) -> None:
        refuse_arguments(self, unknown)
        if reduction != MEAN:
            raise TrainingError(f"{type(self).__name__} takes reduction={MEAN!r} alone, got {reduction!r}")
        self.name, self.reduction = name or self.name, reduction

    @property
    def options(self) -> dict[str, Any]:
        """What every loss may be given, beside what its own class takes."""
        return {"name": self.name}

    def check(self, y: Targets, outputs: int) -> Targets:
        """Return the targets as this loss takes them, or say what they should have been."""
        if y.ndim == 1 and outputs == 1:
            y = y[:, None]
        if y.ndim != 2 or y.shape[1] != outputs:
            raise TrainingError(f"{self.name} takes targets of shape (n, {outputs}) here, got {y.shape}")
        if y.dtype.kind not in "biuf" or not np.isfinite(y).all():
            raise TrainingError(f"{self.name} takes finite numbers as targets, got {y.dtype} values")
        return y.astype(np.float32) if y.dtype != np.float64 else y

    def forward(self, y: Targets, z: Array) -> tuple[Array, Array]:
        """Targets and what the last step gave (B, C) -> losses (B,) and outputs (B, C)."""
        raise NotImplementedError

    def gradient(self, y: Targets) -> Array:
        """Return the gradient of each row's loss with respect to z (B, C); the outputs may be overwritten."""
        raise NotImplementedError


class Crossentropy(Loss):
    """-log of the probability that the model gives to the truth."""

    recover: ClassVar[type[Step]]  # turns probabilities that came in another way into logits

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, **base: Any) -> None:
        super().__init__(**base)
        check_number("label_smoothing", label_smoothing, 0, 1)
        self.from_logits, self.label_smoothing = from_logits, label_smoothing
        self._room = Buffer()

    def _take(self, z: Array) -> Array:
        """Keep logits as `p`, which will be turned into probabilities; return what will be the model's outputs."""
        self.p = z
        if self.from_logits:
            self.p = self._room.room(z.shape, z.dtype)
            self.p[:] = z
        return z


class SoftmaxCrossentropy(Crossentropy):
    """Those whose probabilities add up to 1: log softmax(z) = z - max z - log sum exp(z - max z)."""

    absorbs = "softmax"
    recover = Log

    def _centre(self, z: Array) -> Array:
        """Keep z - max z as `p`; return the outputs."""
        outputs = self._take(z)
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
def _numbers(count: int) -> npt.NDArray[np.intp]:
    return np.arange(count)


class SparseCategoricalCrossentropy(SoftmaxCrossentropy):
    """-log softmax(z)_y, y (B,) being class numbers. With smoothing s, y stands for 1 - s + s / C, others for s / C."""

    name = "sparse_categorical_crossentropy"

    def check(self, y: Targets, outputs: int) -> Targets:
        """Return the targets as class numbers (B,)."""
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1:
            raise TrainingError(f"sparse_categorical_crossentropy takes class numbers (n,), got targets {y.shape}")
        if y.dtype.kind not in "biuf" or not np.array_equal(y, np.floor(y.astype(np.float64))):
            raise TrainingError(f"sparse_categorical_crossentropy takes whole class numbers, got {y.dtype} targets")
        if y.size and not (y.min() >= 0 and y.max() < outputs):
            raise TrainingError(
                f"Received a label value of {y.max() if y.max() >= outputs else y.min()} which is outside the valid"
                f" range of [0, {outputs}): the model has {outputs} outputs"
            )
        return y.astype(np.intp)

    def forward(self, y: Targets, z: Array) -> tuple[Array, Array]:
        """Return losses (B,)."""
        smooth, outputs = self.label_smoothing, self._centre(z)
        truth = self.p[_numbers(len(y)), y]
        if smooth:
            truth = (1 - smooth) * truth + smooth * self.p.mean(axis=1)
        return self._log_sum() - truth, outputs

    def gradient(self, y: Targets) -> Array:
        """Return softmax(z) - onehot(y)."""
        self.p[_numbers(len(y)), y] -= 1 - self.label_smoothing
        if self.label_smoothing:
            self.p -= self.label_smoothing / self.p.shape[1]
        return self.p


class CategoricalCrossentropy(SoftmaxCrossentropy):
    """-sum of y log softmax(z), y (B, C) being one-hot or probabilities."""

    name = "categorical_crossentropy"

    def _smoothed(self, y: Targets) -> Targets:
        return y * (1 - self.label_smoothing) + self.label_smoothing / y.shape[1] if self.label_smoothing else y

    def forward(self, y: Targets, z: Array) -> tuple[Array, Array]:
        """Return losses (B,)."""
        y, outputs = self._smoothed(y), self._centre(z)
        truth = (y * self.p).sum(axis=1)
        return y.sum(axis=1) * self._log_sum() - truth, outputs

    def gradient(self, y: Targets) -> Array:
        """Return softmax(z) - y, for y that adds up to 1."""
        self.p -= self._smoothed(y)
        return self.p


class BinaryCrossentropy(Crossentropy):
    """-(y log p + (1 - y) log (1 - p)) with p = sigmoid(z), the mean over the outputs; y (B, C) from 0 to 1."""

    name = "binary_crossentropy"
    absorbs = "sigmoid"
    recover = Logit

    def check(self, y: Targets, outputs: int) -> Targets:
        """Return the targets as (B, C)."""
        y = super().check(y, outputs)
        if y.size and not (y.min() >= 0 and y.max() <= 1):
            raise TrainingError(f"binary_crossentropy takes targets from 0 to 1, got {y.min():g} to {y.max():g}")
        return y

    def _smoothed(self, y: Targets) -> Targets:
        return y * (1 - self.label_smoothing) + self.label_smoothing / 2 if self.label_smoothing else y

    def forward(self, y: Targets, z: Array) -> tuple[Array, Array]:
        """Return losses (B,): max(z, 0) - z y + log(1 + exp(-|z|)), which never overflows."""
        losses = np.maximum(z, 0) - z * self._smoothed(y) + np.log1p(np.exp(-np.abs(z)))
        rows: Array = losses.mean(axis=1)
        outputs = self._take(z)
        ACTIVATIONS["sigmoid"].forward(self.p)
        return rows, outputs

    def gradient(self, y: Targets) -> Array:
        """Return (sigmoid(z) - y) / C."""
        self.p -= self._smoothed(y)
        self.p /= self.p.shape[1]
        return self.p


class Distance(Loss):
    """A function of the error output - y, the mean over the outputs."""

    def forward(self, y: Targets, z: Array) -> tuple[Array, Array]:
        """Return losses (B,)."""
        self.error = z - y
        return self.of_error(self.error).mean(axis=1), z

    def gradient(self, y: Targets) -> Array:
        """Return the slope / C."""
        g: Array = self.slope(self.error)
        g /= self.error.shape[1]
        return g

    def of_error(self, e: Array) -> Array:
        """Errors (B, C) -> losses (B, C)."""
        raise NotImplementedError

    def slope(self, e: Array) -> Array:
        """Return the derivative of `of_error`."""
        raise NotImplementedError


class MeanSquaredError(Distance):
    """The mean of the squared errors."""

    name = "mean_squared_error"

    def of_error(self, e: Array) -> Array:
        """e²."""
        return np.square(e)

    def slope(self, e: Array) -> Array:
        """2 e."""
        return 2 * e


class MeanAbsoluteError(Distance):
    """The mean of the sizes of the errors."""

    name = "mean_absolute_error"

    def of_error(self, e: Array) -> Array:
        """|e|."""
        return np.abs(e)

    def slope(self, e: Array) -> Array:
        """The sign."""
        return np.sign(e)


class Huber(Distance):
    """e² / 2 up to delta, straight beyond it (Huber 1964)."""

    name = "huber"

    def __init__(self, delta: float = 1.0, **base: Any) -> None:
        super().__init__(**base)
        check_number("delta", delta, 0)
        if delta == 0:
            raise TrainingError("delta must be above 0")
        self.delta = delta

    def of_error(self, e: Array) -> Array:
        """e² / 2, or delta (|e| - delta / 2)."""
        size = np.minimum(np.abs(e), self.delta)
        return size * (np.abs(e) - size / 2)

    def slope(self, e: Array) -> Array:
        """e, held within ± delta."""
        return np.clip(e, -self.delta, self.delta)


LOSSES: dict[str, type[Any]] = {
    kind.name: kind
    for kind in (
        SparseCategoricalCrossentropy,
        CategoricalCrossentropy,
        BinaryCrossentropy,
        MeanSquaredError,
        MeanAbsoluteError,
        Huber,
    )
} | {"mse": MeanSquaredError, "mae": MeanAbsoluteError}


def get(identifier: Any) -> Loss:
    """Look up a loss by name, or take one as it is."""
    if isinstance(identifier, Loss):
        return identifier
    loss: Loss = look_up("loss", identifier, LOSSES)()
    return loss
