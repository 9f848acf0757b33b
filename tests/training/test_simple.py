from pathlib import Path

import numpy as np
import pytest

from store import read_version
from training import SimpleNeuralNetwork, TrainingError

# The class as printed in the article.
ARTICLE = """
import numpy as np

class SimpleNeuralNetwork:
    def __init__(self, input_size, hidden_size, output_size):
        # Initialize weights randomly
        self.W1 = np.random.randn(input_size, hidden_size)
        self.b1 = np.zeros((1, hidden_size))
        self.W2 = np.random.randn(hidden_size, output_size)
        self.b2 = np.zeros((1, output_size))

    def relu(self, x):
        return np.maximum(0, x)

    def softmax(self, x):
        exp_x = np.exp(x - np.max(x, axis=1, keepdims=True))
        return exp_x / exp_x.sum(axis=1, keepdims=True)

    def forward(self, X):
        self.z1 = X @ self.W1 + self.b1
        self.a1 = self.relu(self.z1)
        self.z2 = self.a1 @ self.W2 + self.b2
        self.output = self.softmax(self.z2)
        return self.output

    def backward(self, X, y, output, lr=0.01):
        m = X.shape[0]
        dz2 = output - y  # Gradient of softmax + cross-entropy
        dW2 = (self.a1.T @ dz2) / m
        db2 = dz2.sum(axis=0, keepdims=True) / m
        dz1 = dz2 @ self.W2.T * (self.z1 > 0)
        dW1 = (X.T @ dz1) / m
        db1 = dz1.sum(axis=0, keepdims=True) / m

        self.W2 -= lr * dW2
        self.b2 -= lr * db2
        self.W1 -= lr * dW1
        self.b1 -= lr * db1
"""


def _train(network: SimpleNeuralNetwork, rng: np.random.Generator, steps: int) -> None:
    for _ in range(steps):
        x = rng.normal(size=(32, 8))
        y = np.eye(3)[(x[:, :3]).argmax(axis=1)]
        network.backward(x, y, network.forward(x), lr=0.1)


def test_results_equal_those_of_the_article() -> None:
    article: dict[str, type[SimpleNeuralNetwork]] = {}
    exec(ARTICLE, article)
    networks = []
    for kind in (article["SimpleNeuralNetwork"], SimpleNeuralNetwork):
        np.random.seed(7)
        networks.append(kind(8, 16, 3))
        _train(networks[-1], np.random.default_rng(7), 50)
    theirs, ours = networks
    for name in ("W1", "b1", "W2", "b2", "z1", "a1", "z2", "output"):
        assert getattr(ours, name).dtype == np.float64
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    x = np.array([[-2.0, 0.0, 1e4]])
    np.testing.assert_array_equal(ours.relu(x), theirs.relu(x))
    np.testing.assert_array_equal(ours.softmax(x), theirs.softmax(x))


def test_a_trained_network_is_published(tmp_path: Path, rng: np.random.Generator) -> None:
    network = SimpleNeuralNetwork(8, 16, 3)
    _train(network, rng, 2000)
    x = rng.normal(size=(500, 8))
    y = x[:, :3].argmax(axis=1)
    assert network.publish("simple", x, y, models=tmp_path, labels=["a", "b", "c"]) == 1
    version = read_version(tmp_path, "simple", 1)
    assert version.metrics["given"]["accuracy"] > 0.9
    assert version.artifact.model.labels == ("a", "b", "c")
    np.testing.assert_allclose(version.artifact.model.predict(x.astype(np.float32)), network.forward(x), atol=1e-4)
    assert network.publish("simple", x, np.eye(3)[y], models=tmp_path) == 2
    assert read_version(tmp_path, "simple", 2).metrics == version.metrics
    assert read_version(tmp_path, "simple", 2).artifact.model.labels == (0, 1, 2)


def test_invalid_arguments_of_publish_are_rejected(tmp_path: Path) -> None:
    network = SimpleNeuralNetwork(8, 16, 3)
    x = np.zeros((5, 8))
    for rows, classes, message in (
        (np.zeros((5, 7)), None, r"x must have the shape \(n, 8\) with at least one row, got \(5, 7\)"),
        (np.full((5, 8), np.nan), None, "NaN"),
        (x, np.zeros(4, int), "y must contain 5 class indices"),
        (x, np.full(5, 3), "class indices must be from 0 to 2, got 3 to 3"),
        (x, np.full(5, 0.5), "class indices"),
    ):
        with pytest.raises(TrainingError, match=message):
            network.publish("simple", rows, classes, models=tmp_path)
    with pytest.raises(TrainingError, match="got 2 labels for a model with 3 outputs"):
        network.publish("simple", x, models=tmp_path, labels=["a", "b"])
    assert not list(tmp_path.iterdir())
