"""The network of the article "Building Your First Neural Network", with identical results.

It has two dense layers with relu and softmax, and is trained by plain gradient descent in float64. `publish` is the
only addition.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Dense, Features, Model, Network
from training.errors import TrainingError
from training.publishing.frame_features import features_of
from training.publishing.publish import class_labels, publish_arrays

Float64 = npt.NDArray[np.float64]


class SimpleNeuralNetwork:
    """A network that computes softmax(relu(X @ W1 + b1) @ W2 + b2).

    One training step is a call of `forward`, followed by `backward` with its output.

    Args:
        input_size: Number of inputs I.
        hidden_size: Number of hidden units U.
        output_size: Number of classes C.
    """

    def __init__(self, input_size: int, hidden_size: int, output_size: int) -> None:
        self.W1 = np.random.randn(input_size, hidden_size)
        self.b1 = np.zeros((1, hidden_size))
        self.W2 = np.random.randn(hidden_size, output_size)
        self.b2 = np.zeros((1, output_size))

    def relu(self, x: Float64) -> Float64:
        return np.maximum(0, x)

    def softmax(self, x: Float64) -> Float64:
        """Convert logits (B, C) to probabilities (B, C)."""
        exp_x = np.exp(x - np.max(x, axis=1, keepdims=True))
        return np.asarray(exp_x / exp_x.sum(axis=1, keepdims=True))

    def forward(self, X: Float64) -> Float64:
        """Compute the probabilities (B, C) of rows (B, I), and store the intermediate results for `backward`."""
        self.z1 = X @ self.W1 + self.b1
        self.a1 = self.relu(self.z1)
        self.z2 = self.a1 @ self.W2 + self.b2
        self.output = self.softmax(self.z2)
        return self.output

    def backward(self, X: Float64, y: Float64, output: Float64, lr: float = 0.01) -> None:
        """Update the weights by one step of gradient descent on the cross-entropy; y (B, C) is one-hot."""
        m = X.shape[0]
        dz2 = output - y  # the gradient of softmax and cross-entropy combined
        dW2 = (self.a1.T @ dz2) / m
        db2 = dz2.sum(axis=0, keepdims=True) / m
        dz1 = dz2 @ self.W2.T * (self.z1 > 0)
        dW1 = (X.T @ dz1) / m
        db1 = dz1.sum(axis=0, keepdims=True) / m

        self.W2 -= lr * dW2
        self.b2 -= lr * db2
        self.W1 -= lr * dW1
        self.b1 -= lr * db1

    def publish(
        self,
        name: str,
        x: npt.ArrayLike,
        y: npt.ArrayLike | None = None,
        *,
        models: str | Path = "models",
        labels: Any = None,
        test: bool = False,
    ) -> int:
        """Publish the network as the next version of `name`.

        Args:
            name: Name of the model in the store.
            x: Rows (B, I), such as the test set, from which the golden rows are chosen. Of a data frame, the version
                has the names and kinds of the columns, and a report.
            y: Class indices (B,) or one-hot targets (B, C) of the rows; without them the version has no metrics.
            models: Path to the store.
            labels: Names of the classes; class indices by default.
            test: Whether the rows are a test set, on which the network was not trained. The metrics are called `test`
                then, and otherwise `given`.

        Returns:
            The number of the version.
        """
        network = Network([Dense(self.W1, self.b1[0], "relu"), Dense(self.W2, self.b2[0], "softmax")])
        labels = class_labels(labels, network.outputs)
        columns = features_of(x, network.inputs)
        model = Model(columns or Features.plain(network.inputs), network, "classification", labels)
        try:
            rows = np.asarray(x, np.float64) if columns else np.asarray(x)
        except (TypeError, ValueError) as error:
            raise TrainingError("x has missing values: fill them, or remove these rows") from error
        classes = None if y is None else np.asarray(y)
        if classes is not None and classes.ndim == 2:
            classes = classes.argmax(axis=1)
        with_report = columns is not None
        return publish_arrays(Path(models), name, model, rows, classes, test=test, with_report=with_report)
