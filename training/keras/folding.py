"""From a trained model to plain dense layers: what training adds around them is dropped or folded in, exactly.

A scale and a shift before a dense layer go into its kernel and bias, and so do those after a linear one.
The arithmetic is float64, rounded once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Dense as TrainedDense
from nn import Network
from training.errors import TrainingError
from training.keras.engine.ops import Scale
from training.keras.layers import Activation, BatchNormalization, Dense, Dropout, Flatten, Layer

Float64 = npt.NDArray[np.float64]


@dataclass
class _Folded:
    """A dense layer in the making."""

    kernel: Float64
    bias: Float64
    activation: str = "linear"


def fold(layers: Sequence[Layer]) -> Network:
    """Return the network that predicts what the layers predict after training. Raises TrainingError."""
    folded: list[_Folded] = []
    waiting: tuple[Any, Any] | None = None  # scale and shift, for the dense layer that comes next
    before = ""
    for layer in layers:
        if isinstance(layer, Dropout | Flatten):
            continue
        if isinstance(layer, Dense):
            folded.append(_dense(layer, waiting))
            waiting = None
        elif isinstance(layer, Activation):
            if layer.activation == "linear":
                continue
            if not folded or waiting is not None or folded[-1].activation != "linear":
                raise TrainingError(
                    f"{layer.name} ({layer.activation}) can't be published: an activation must follow a linear"
                    f" Dense layer, and here comes {f'after {before}' if before else 'first'}"
                )
            folded[-1].activation = layer.activation
        else:
            waiting = _scale(layer, folded, waiting)
        before = layer.name
    if waiting is not None:
        raise TrainingError(f"{before} can't be published: no Dense layer follows into which it could be folded")
    if not folded:
        raise TrainingError("a model without a Dense layer can't be published")
    return Network(_binary(folded))


def _dense(layer: Dense, waiting: tuple[Any, Any] | None) -> _Folded:
    kernel = layer.parameters[0].whole.astype(np.float64)
    bias = layer.parameters[1].values.astype(np.float64) if layer.use_bias else np.zeros(layer.units)
    if waiting is not None:
        scale, shift = (np.broadcast_to(part, len(kernel)) for part in waiting)
        bias = bias + shift @ kernel
        kernel = kernel * scale[:, None]
    return _Folded(kernel, bias, layer.activation)


def _scale(layer: Layer, folded: list[_Folded], waiting: tuple[Any, Any] | None) -> tuple[Any, Any] | None:
    """Fold y = x * scale + shift into the linear layer before, or keep it for the one that follows."""
    scale, shift = _scale_and_shift(layer)
    if waiting is not None:
        return waiting[0] * scale, waiting[1] * scale + shift
    if folded and folded[-1].activation == "linear":
        folded[-1].kernel = folded[-1].kernel * scale
        folded[-1].bias = folded[-1].bias * scale + shift
        return None
    return scale, shift


def _scale_and_shift(layer: Layer) -> tuple[Any, Any]:
    if isinstance(layer, BatchNormalization):
        return layer.inference()
    if len(layer.steps) == 1 and isinstance(step := layer.steps[0], Scale):
        scale = np.asarray(step.scale, np.float64)
        return scale, -np.asarray(step.offset, np.float64) * scale
    raise TrainingError(f"{layer.name} can't be published: {type(layer).__name__} is nothing that Dense can express")


def _binary(folded: list[_Folded]) -> list[TrainedDense]:
    """Return the layers; one sigmoid p becomes a softmax over the logits 0 and z, which is 1 - p and p."""
    last = folded[-1]
    if last.activation == "sigmoid" and last.kernel.shape[1] == 1:
        kernel = np.hstack([np.zeros_like(last.kernel), last.kernel])
        folded = [*folded[:-1], _Folded(kernel, np.append(0.0, last.bias), "softmax")]
    return [TrainedDense(layer.kernel, layer.bias, layer.activation) for layer in folded]
