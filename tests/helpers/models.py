"""Small models for tests, with random weights."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from nn import Artifact, Dense, Features, Golden, Model, Network, Number
from nn.model import Label

MakeRng = Callable[[], np.random.Generator]
ROW = [5.1, 3.5, 1.4, 0.2]  # valid for the models of four numbers


def make_network(
    rng: np.random.Generator, widths: Sequence[int], hidden: str = "relu", last: str = "softmax"
) -> Network:
    activations = [hidden] * (len(widths) - 2) + [last]
    return Network(
        Dense(rng.normal(size=shape), rng.normal(size=shape[1]), activation)
        for shape, activation in zip(pairwise(widths), activations, strict=True)
    )


def make_artifact(
    rng: np.random.Generator,
    widths: Sequence[int] = (4, 8, 3),
    labels: tuple[Label, ...] = ("setosa", "versicolor", "virginica"),
    hidden: str = "relu",
) -> Artifact:
    """Return a classifier of I numbers, or a regression model if there are no labels."""
    rows = rng.normal(size=(5, widths[0])).astype(np.float32)
    features = Features([Number(f"feature {i}", offset=0.25 * i, scale=1.5) for i in range(widths[0])])
    task, last = ("classification", "softmax") if labels else ("regression", "linear")
    model = Model(features, make_network(rng, widths, hidden, last), task, labels)
    return Artifact(model, Golden.measure(model, rows.tolist()))


def make_constant(predicted: int, labels: tuple[Label, ...] = ("a", "b", "c"), inputs: int = 4) -> Artifact:
    """Return a model that predicts the same label for every row, so that responses identify the version."""
    bias = np.zeros(len(labels))
    bias[predicted] = 10
    network = Network([Dense(np.full((inputs, len(labels)), 1e-3), bias, "softmax")])
    model = Model(Features.plain(inputs), network, "classification", labels)
    return Artifact(model, Golden.measure(model, [[1.0] * inputs]))
