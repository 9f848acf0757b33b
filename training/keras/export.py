"""Exports trained layers as a network of plain dense layers, as a model, or as a published version.

All other layers are removed or folded exactly into the dense layers: scaling before a dense layer, or after a linear
one, becomes part of its kernel and bias. The arithmetic is float64, rounded once at the end.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Dense as NetworkDense
from nn import Features, Model, Network
from nn.activations import LEAKY_SLOPE
from nn.network import NetworkError
from training.errors import TrainingError
from training.keras.engine.arguments import as_array
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.layer_stack import LayerStack
from training.keras.engine.ops import ScaleOp
from training.keras.layers import Activation, BatchNormalization, Dense, Dropout, Flatten, Layer, LeakyReLU
from training.keras.losses import RegressionLoss
from training.publishing.frame_features import features_of
from training.publishing.publish import class_labels, publish_arrays

_Float64 = npt.NDArray[np.float64]


@dataclass
class _Folded:
    """A dense layer into which the layers around it are folded."""

    kernel: _Float64
    bias: _Float64
    activation: str = "linear"


def to_network(stack: LayerStack, of_logits: str | None = None) -> Network:
    """Return the network with the same predictions as the layers in inference.

    If the layers end in logits, `of_logits` is the activation that the loss applies to them. Raises TrainingError if
    the layers cannot be folded into dense layers.
    """
    stack.ensure_built()
    folded: list[_Folded] = []
    pending: tuple[Any, Any] | None = None  # scale and shift, to be folded into the next dense layer
    slope: float | None = None  # of a LeakyReLU whose two halves the next dense layer combines
    previous = ""
    for layer in stack.layers:
        if isinstance(layer, Dropout | Flatten) or (isinstance(layer, Activation) and layer.activation == "linear"):
            continue
        if isinstance(layer, Dense):
            folded.append(_combine(_dense(layer, pending), slope))
            pending = slope = None
        elif isinstance(layer, Activation | LeakyReLU):
            if not folded or pending is not None or folded[-1].activation != "linear":
                raise _misplaced(layer, previous)
            slope = _activate(folded[-1], layer)
        else:
            pending = _scale(layer, folded, pending)
        previous = layer.name
    if pending is not None:
        raise TrainingError(f"{previous} can't be published: no Dense layer follows that it could be folded into")
    if not folded:
        raise TrainingError("a model without a Dense layer can't be published")
    if slope is not None:
        units = folded[-1].kernel.shape[1] // 2
        folded.append(_combine(_Folded(np.eye(units), np.zeros(units)), slope))
    if of_logits and folded[-1].activation == "linear":
        folded[-1].activation = of_logits
    try:
        return Network(_binary(folded))
    except NetworkError as error:
        raise TrainingError(f"the model can't be exported: {error}") from error


def _dense(layer: Dense, pending: tuple[Any, Any] | None) -> _Folded:
    kernel = layer.kernel.astype(np.float64)
    bias = np.zeros(layer.units) if layer.bias is None else layer.bias.astype(np.float64)
    if pending is not None:
        scale, shift = (np.broadcast_to(part, len(kernel)) for part in pending)
        bias = bias + shift @ kernel
        kernel = kernel * scale[:, None]
    return _Folded(kernel, bias, layer.activation)


def _misplaced(layer: Activation | LeakyReLU, previous: str) -> TrainingError:
    kind = layer.activation if isinstance(layer, Activation) else "leaky_relu"
    return TrainingError(
        f"{layer.name} ({kind}) can't be published: an Activation must follow a linear Dense layer, but it"
        f" {f'follows {previous}' if previous else 'is the first layer'}"
    )


def _activate(folded: _Folded, layer: Activation | LeakyReLU) -> float | None:
    """Set the activation of a linear layer. A slope that no activation has is returned.

    The layer then computes z and -z, both rectified, and the next one has to combine them.
    """
    if isinstance(layer, Activation):
        folded.activation = layer.activation
    elif layer.negative_slope == LEAKY_SLOPE:
        folded.activation = "leaky_relu"
    else:
        folded.kernel, folded.bias = np.hstack([folded.kernel, -folded.kernel]), np.append(folded.bias, -folded.bias)
        folded.activation = "relu"
        return layer.negative_slope
    return None


def _combine(folded: _Folded, slope: float | None) -> _Folded:
    """Take inputs that `_activate` has split: x = max(z, 0) - slope * max(-z, 0)."""
    if slope is not None:
        folded.kernel = np.vstack([folded.kernel, -slope * folded.kernel])
    return folded


def _scale(layer: Layer, folded: list[_Folded], pending: tuple[Any, Any] | None) -> tuple[Any, Any] | None:
    """Fold y = x * scale + shift into the previous linear layer, or return it for the next dense layer."""
    scale, shift = _scale_and_shift(layer)
    if pending is not None:
        return pending[0] * scale, pending[1] * scale + shift
    if folded and folded[-1].activation == "linear":
        folded[-1].kernel = folded[-1].kernel * scale
        folded[-1].bias = folded[-1].bias * scale + shift
        return None
    return scale, shift


def _scale_and_shift(layer: Layer) -> tuple[Any, Any]:
    if isinstance(layer, BatchNormalization):
        return layer.inference()
    if len(layer.ops) == 1 and isinstance(op := layer.ops[0], ScaleOp):
        scale = np.asarray(op.scale, np.float64)
        return scale, -np.asarray(op.offset, np.float64) * scale
    raise TrainingError(f"{layer.name} can't be published: {type(layer).__name__} can't be folded into a Dense layer")


def _binary(folded: list[_Folded]) -> list[NetworkDense]:
    """Return the layers. A single sigmoid output p becomes a softmax over the logits 0 and z, which is (1 - p, p)."""
    last = folded[-1]
    if last.activation == "sigmoid" and last.kernel.shape[1] == 1:
        kernel = np.hstack([np.zeros_like(last.kernel), last.kernel])
        folded = [*folded[:-1], _Folded(kernel, np.append(0.0, last.bias), "softmax")]
    return [NetworkDense(layer.kernel, layer.bias, layer.activation) for layer in folded]


def to_classifier(
    stack: LayerStack, compiled_model: CompiledModel | None, features: Features, labels: Collection[Any] | None
) -> Model:
    """Return a classifier with these labels of its outputs; by default, the labels are class indices."""
    loss = compiled_model.loss if compiled_model else None
    network = to_network(stack, loss.fused_activation if loss and loss.from_logits else None)
    return _model(features, network, "classification", class_labels(labels, network.outputs))


def to_regression(stack: LayerStack, features: Features) -> Model:
    return _model(features, to_network(stack), "regression", ())


def _model(features: Features, network: Network, task: str, labels: tuple[Any, ...]) -> Model:
    try:
        return Model(features, network, task, labels)
    except ValueError as error:
        raise TrainingError(f"the model can't be published: {error}") from error


def publish_layers(
    stack: LayerStack,
    compiled_model: CompiledModel | None,
    models: Path,
    name: str,
    x: Any,
    y: Any,
    labels: Any,
    *,
    test: bool,
) -> int:
    """Publish the layers with samples x (B, …) and optional targets y; return the version."""
    inputs = to_network(stack).inputs
    columns = features_of(x, inputs)
    features = columns or Features.plain(inputs)
    regression = compiled_model is not None and isinstance(compiled_model.loss, RegressionLoss)
    model = to_regression(stack, features) if regression else to_classifier(stack, compiled_model, features, labels)
    rows, targets = as_array("x", x), None if y is None else as_array("y", y)
    if rows.ndim > 2 and len(rows):
        rows = rows.reshape(len(rows), -1)
    return publish_arrays(models, name, model, rows, targets, test=test, with_report=columns is not None)
