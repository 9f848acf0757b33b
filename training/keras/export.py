"""From trained layers to what is used outside training: a network, a model with features, a published version."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from nn import Features, Model, Network
from training.errors import TrainingError
from training.keras.engine.arguments import as_array
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.layer_stack import LayerStack
from training.keras.folding import fold
from training.keras.losses import RegressionLoss
from training.publishing.publish import class_labels, publish_arrays


def to_network(stack: LayerStack, of_logits: str | None = None) -> Network:
    """Return the network; `of_logits` is the activation that the loss applies to logits."""
    stack.ensure_built()
    return fold(stack.layers, of_logits)


def to_classifier(
    stack: LayerStack, compiled: CompiledModel | None, features: Features, labels: Collection[Any] | None
) -> Model:
    """Return a classifier with these labels of its outputs, which are numbered where there are none."""
    network = to_network(stack, compiled.loss.fused_activation if compiled and compiled.loss.from_logits else None)
    return _model(features, network, "classification", class_labels(labels, network.outputs))


def to_regression(stack: LayerStack, features: Features) -> Model:
    """Return a regression."""
    return _model(features, to_network(stack), "regression", ())


def _model(features: Features, network: Network, task: str, labels: tuple[Any, ...]) -> Model:
    try:
        return Model(features, network, task, labels)
    except ValueError as error:
        raise TrainingError(f"the model can't be published: {error}") from error


def publish_layers(
    stack: LayerStack, compiled: CompiledModel | None, models: Path, name: str, x: Any, y: Any, labels: Any
) -> int:
    """Publish with rows x (B, …) and, for its metrics, targets y; return the version."""
    features = Features.plain(to_network(stack).inputs)
    regresses = compiled is not None and isinstance(compiled.loss, RegressionLoss)
    model = to_regression(stack, features) if regresses else to_classifier(stack, compiled, features, labels)
    rows, targets = as_array("x", x), None if y is None else as_array("y", y)
    if rows.ndim > 2 and len(rows):
        rows = rows.reshape(len(rows), -1)
    return publish_arrays(models, name, model, rows, targets)
