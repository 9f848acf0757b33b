"""Layers that rescale their inputs by given constants, by the moments of a data set, or by those of each batch."""

from typing import Any

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import check_axis, check_number, invalid_argument
from training.keras.engine.ops import BatchNormOp, Op, ScaleOp
from training.keras.layers.base import Layer, Shape, width_of

Moments = npt.ArrayLike | None


class Rescaling(Layer):
    """A preprocessing layer which rescales input values to a new range: y = x * scale + offset.

    Args:
        scale: The scale to apply to the inputs, such as 1 / 255 for images stored as bytes.
        offset: The offset to apply to the inputs.
        base: `name`, `input_shape` and `input_dim`.
    """

    def __init__(self, scale: float, offset: float = 0.0, **base: Any) -> None:
        super().__init__(**base)
        self.scale, self.offset = float(scale), float(offset)
        if self.scale == 0 or not np.isfinite([self.scale, self.offset]).all():
            raise TrainingError(
                f"Rescaling requires a finite, nonzero `scale` and a finite `offset`. Received: scale={scale},"
                f" offset={offset}"
            )

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        return [ScaleOp(-self.offset / self.scale, self.scale)]


class Normalization(Layer):
    """A preprocessing layer that normalizes continuous features: y = (x - mean) / sqrt(variance).

    Args:
        axis: -1 for a separate mean and variance for each feature, None for a single mean and variance of all values.
        mean: Mean to use; without it, call `adapt`.
        variance: Variance to use; without it, call `adapt`.
        base: `name`, `input_shape` and `input_dim`.
    """

    def __init__(self, axis: int | None = -1, mean: Moments = None, variance: Moments = None, **base: Any) -> None:
        super().__init__(**base)
        if axis not in (-1, None):
            raise invalid_argument("axis", "-1 (for each feature) or None (for all values together)", axis)
        if (mean is None) != (variance is None):
            raise TrainingError(
                "When setting values directly, both `mean` and `variance` must be set."
                f" Got mean={mean!r} and variance={variance!r}"
            )
        self.axis = axis
        self._scale_ops: list[ScaleOp] = []  # empty before the model is built
        self.mean = None if mean is None else np.asarray(mean, np.float64)
        self.variance = None if variance is None else np.asarray(variance, np.float64)

    def adapt(self, data: npt.ArrayLike) -> None:
        """Computes the mean and variance of values in a dataset (B, …)."""
        values = np.asarray(data, np.float64)
        axes = None if self.axis is None else tuple(range(values.ndim - 1))
        self.mean, self.variance = values.mean(axis=axes), values.var(axis=axes)
        for op in self._scale_ops:
            op.offset, op.scale = self._constants(self._sample_shape)

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        self._sample_shape, self._scale_ops = shape, [ScaleOp(*self._constants(shape))]
        return [*self._scale_ops]

    def _constants(self, shape: Shape) -> tuple[Array, Array]:
        """Return the offset to subtract from samples of this shape, and the scale to multiply them by, both (I,)."""
        if self.mean is None or self.variance is None:
            raise TrainingError(f"{self.name} has no mean and variance. Call `adapt(data)` before the model is built.")
        deviation = np.maximum(np.sqrt(self.variance), 1e-7)  # keras.config.epsilon()
        try:
            offset, scale = (np.broadcast_to(v, shape).ravel().astype(np.float32) for v in (self.mean, 1 / deviation))
        except ValueError as error:
            raise TrainingError(
                f"{self.name} has a mean of shape {np.shape(self.mean)} and a variance of shape"
                f" {np.shape(self.variance)}, which do not fit samples of shape {shape}. Call `adapt(data)` with such"
                " samples."
            ) from error
        return offset, scale


class BatchNormalization(Layer):
    """Layer that normalizes its inputs: y = gamma (x - mean) / sqrt(variance + epsilon) + beta.

    During training, the mean and the (biased) variance of each feature are those of the batch. During inference they
    are moving averages, updated in training by moving = moving * momentum + batch * (1 - momentum).

    Args:
        axis: Accepted for compatibility: the axis of the features is the last one, -1.
        momentum: Momentum of the moving averages.
        epsilon: Small float added to the variance to avoid dividing by zero.
        center: Whether to add the offset beta.
        scale: Whether to multiply by gamma.
        base: `name`, `input_shape` and `input_dim`.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        **base: Any,
    ) -> None:
        super().__init__(**base)
        check_axis(axis)
        self.axis = axis
        check_number("momentum", momentum, 0, 1)
        check_number("epsilon", epsilon, 0)
        self.momentum, self.epsilon, self.center, self.scale = momentum, epsilon, center, scale

    def parameter_shapes(self, shape: Shape) -> dict[str, Shape]:
        width: Shape = (width_of(self, shape),)
        return ({"gamma": width} if self.scale else {}) | ({"beta": width} if self.center else {})

    def make_ops(self, shape: Shape, dtype: np.dtype[Any], rng: np.random.Generator) -> list[Op]:
        """Initialize gamma, allocate the moving averages, and return the operation."""
        gamma, beta = self.parameters.get("gamma"), self.parameters.get("beta")
        if gamma:
            gamma.values[:] = 1
        mean, variance = self.statistics = [np.zeros(shape, dtype), np.ones(shape, dtype)]
        return [BatchNormOp(gamma, beta, mean, variance, self.momentum, self.epsilon)]

    def inference(self) -> tuple[Array, Array]:
        """Return scale (I,) and shift (I,) of the layer in inference, y = x * scale + shift, in float64."""
        mean, variance = (statistic.astype(np.float64) for statistic in self.statistics)
        gamma, beta = self.parameters.get("gamma"), self.parameters.get("beta")
        scale = (gamma.values if gamma else 1.0) / np.sqrt(variance + self.epsilon)
        return scale, (beta.values if beta else 0.0) - mean * scale
