"""Layers that bring values to a common scale: one given, one measured beforehand, or one measured batch by batch."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import check_number
from training.keras.engine.ops import BatchNormOp, Op, ScaleOp
from training.keras.layers.base import Layer, Shape, width_of

Moments = npt.ArrayLike | None


class Rescaling(Layer):
    """y = x * scale + offset, such as Rescaling(1 / 255) for images in bytes."""

    def __init__(self, scale: float, offset: float = 0.0, **base: Any) -> None:
        super().__init__(**base)
        self.scale, self.offset = float(scale), float(offset)
        if self.scale == 0 or not np.isfinite([self.scale, self.offset]).all():
            raise TrainingError(f"{self.name} needs a finite offset and a finite scale that is not 0")

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        """Return the one operation."""
        return [ScaleOp(-self.offset / self.scale, self.scale)]


class Normalization(Layer):
    """y = (x - mean) / sqrt(variance), feature by feature; `adapt` measures both, or they are given."""

    def __init__(self, axis: int | None = -1, mean: Moments = None, variance: Moments = None, **base: Any) -> None:
        super().__init__(**base)
        if axis not in (-1, None):
            raise TrainingError(f"{self.name}: axis must be -1 (each feature) or None (all together), got {axis}")
        if (mean is None) != (variance is None):
            raise TrainingError(
                "When setting values directly, both `mean` and `variance` must be set."
                f" Got mean={mean!r} and variance={variance!r}"
            )
        self.axis = axis
        self._scale_ops: list[ScaleOp] = []  # none before the model is built
        self.mean = None if mean is None else np.asarray(mean, np.float64)
        self.variance = None if variance is None else np.asarray(variance, np.float64)

    def adapt(self, data: npt.ArrayLike) -> None:
        """Measure mean and variance of data (B, …)."""
        values = np.asarray(data, np.float64)
        axes = None if self.axis is None else tuple(range(values.ndim - 1))
        self.mean, self.variance = values.mean(axis=axes), values.var(axis=axes)
        for op in self._scale_ops:
            op.offset, op.scale = self._constants(self._row)

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        """Return the one operation."""
        self._row, self._scale_ops = shape, [ScaleOp(*self._constants(shape))]
        return [*self._scale_ops]

    def _constants(self, shape: Shape) -> tuple[Array, Array]:
        """Return the offset to subtract from rows of this shape, and the scale to multiply them by, both (I,)."""
        if self.mean is None or self.variance is None:
            raise TrainingError(f"{self.name} knows no mean and variance yet: call adapt(data) first")
        deviation = np.maximum(np.sqrt(self.variance), 1e-7)  # keras.config.epsilon()
        try:
            offset, scale = (np.broadcast_to(v, shape).ravel().astype(np.float32) for v in (self.mean, 1 / deviation))
        except ValueError as error:
            raise TrainingError(
                f"{self.name} was adapted to rows of {np.shape(self.mean)!r}, got rows of {shape}"
            ) from error
        return offset, scale


class BatchNormalization(Layer):
    """y = gamma (x - mean) / sqrt(variance + epsilon) + beta, feature by feature.

    In training mean and (biased) variance are those of the batch; afterwards they are moving averages:
    moving = moving * momentum + batch * (1 - momentum).
    """

    def __init__(
        self, momentum: float = 0.99, epsilon: float = 1e-3, center: bool = True, scale: bool = True, **base: Any
    ) -> None:
        super().__init__(**base)
        check_number("momentum", momentum, 0, 1)
        check_number("epsilon", epsilon, 0)
        self.momentum, self.epsilon, self.center, self.scale = momentum, epsilon, center, scale

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        """Return gamma (I,) and beta (I,)."""
        width: Shape = (width_of(self, shape),)
        return ({"gamma": width} if self.scale else {}) | ({"beta": width} if self.center else {})

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        """Allocate the moving averages, and return the one operation."""
        gamma, beta = self.parameters.get("gamma"), self.parameters.get("beta")
        if gamma:
            gamma.values[:] = 1
        mean, variance = self.statistics = [np.zeros(shape, dtype), np.ones(shape, dtype)]
        return [BatchNormOp(gamma, beta, mean, variance, self.momentum, self.epsilon)]

    def inference(self) -> tuple[Array, Array]:
        """Return scale (I,) and shift (I,) of y = x * scale + shift after training, in float64."""
        mean, variance = (statistic.astype(np.float64) for statistic in self.statistics)
        gamma, beta = self.parameters.get("gamma"), self.parameters.get("beta")
        scale = (gamma.values if gamma else 1.0) / np.sqrt(variance + self.epsilon)
        return scale, (beta.values if beta else 0.0) - mean * scale
