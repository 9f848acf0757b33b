"""A model: features, network, and the meaning of the outputs (task and labels)."""

import math
from dataclasses import dataclass

from nn.activations import Array
from nn.features import Codes, Features
from nn.network import Network
from nn.text import check_name

Label = str | int | float | bool
TASKS = ("classification", "regression")
JSON_INTEGERS = range(-(2**63), 2**64)  # those that orjson can write


@dataclass(frozen=True)
class Model:
    """Features, network and task. A classifier has one label per output; a regression model has none."""

    features: Features
    network: Network
    task: str
    labels: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"unknown task {self.task!r}; expected {' or '.join(TASKS)}")
        if self.features.width != self.network.inputs:
            raise ValueError(
                f"the features have {self.features.width} inputs, but the network expects {self.network.inputs}"
            )
        if self.task == "classification":
            self._check_classifier()
        elif self.labels:
            raise ValueError("a regression model must not have labels")

    def _check_classifier(self) -> None:
        if len(self.labels) != self.network.outputs:
            raise ValueError(f"{len(self.labels)} labels, but the network has {self.network.outputs} outputs")
        for label in self.labels:
            _check_label(label)
        if len({(type(label), label) for label in self.labels}) != len(self.labels):
            raise ValueError("labels must be unique")
        activation = self.network.layers[-1].activation
        if activation != "softmax":
            raise ValueError(f"the last activation of a classifier must be softmax, not {activation}")

    def logits(self, codes: Codes) -> Array:
        """Return the logits of codes (B, K): (B, C), before the last activation."""
        return self.network.logits(self.features.inputs(codes))

    def predict(self, codes: Codes) -> Array:
        """Return the probabilities or values for codes (B, K): (B, C)."""
        return self.network.activate(self.logits(codes))

    def best_labels(self, probabilities: Array) -> list[Label]:
        """Return the most probable label of each row (B, C); ties go to the first label."""
        return [self.labels[i] for i in probabilities.argmax(axis=1).tolist()]


def _check_label(label: object) -> None:
    """Raise ValueError unless JSON and Prometheus can carry a label."""
    if isinstance(label, str):
        check_name(label, "a label")
    elif isinstance(label, bool):
        return
    elif not (isinstance(label, int) and label in JSON_INTEGERS) and not (
        isinstance(label, float) and math.isfinite(label)
    ):
        raise ValueError(f"label {label!r}: expected text, true, false, or a number of at most 64 bits")
