"""A model: features, network, and what the outputs mean."""

from dataclasses import dataclass

from nn.activations import Array
from nn.features import Codes, Features
from nn.network import Network

Label = str | int | float | bool
TASKS = ("classification", "regression")


@dataclass(frozen=True)
class Model:
    """Rows in, answers out. A classification has one label an output; a regression has none."""

    features: Features
    network: Network
    task: str
    labels: tuple[Label, ...] = ()

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"unknown task {self.task!r}; known are {', '.join(TASKS)}")
        if self.features.width != self.network.inputs:
            raise ValueError(f"the features make {self.features.width} inputs, the network takes {self.network.inputs}")
        if self.task == "classification":
            self._check_classifier()
        elif self.labels:
            raise ValueError("a regression has no labels")

    def _check_classifier(self) -> None:
        if len(self.labels) != self.network.outputs:
            raise ValueError(f"{len(self.labels)} labels, but the network gives {self.network.outputs} outputs")
        if len({(type(label), label) for label in self.labels}) != len(self.labels):
            raise ValueError("two labels are the same")
        activation = self.network.layers[-1].activation
        if activation != "softmax":
            raise ValueError(f"a classification ends in softmax, this network in {activation}")

    def logits(self, codes: Codes) -> Array:
        """Codes of raw rows (B, K) -> (B, C), before the last activation."""
        return self.network.logits(self.features.inputs(codes))

    def predict(self, codes: Codes) -> Array:
        """Codes of raw rows (B, K) -> probabilities or values (B, C)."""
        return self.network.activate(self.logits(codes))

    def best_labels(self, probabilities: Array) -> list[Label]:
        """The most probable label of each row (B, C); of equals, the first."""
        return [self.labels[i] for i in probabilities.argmax(axis=1).tolist()]
