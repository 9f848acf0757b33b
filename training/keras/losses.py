"""What training makes small: the loss of each row, and its gradient.

A loss works on logits, which is exact where taking the logarithm of a probability is not: the
activation that it `absorbs` is left out in training where the model ends in it.
"""

import numpy as np
import numpy.typing as npt

from nn.activations import ACTIVATIONS, Array
from training.errors import TrainingError


class SparseCategoricalCrossentropy:
    """-log of the probability of the right class; y (B,) holds class numbers."""

    absorbs = "softmax"

    def __init__(self, from_logits: bool = False) -> None:
        self.from_logits = from_logits

    def check(self, y: npt.NDArray[np.generic], outputs: int) -> npt.NDArray[np.intp]:
        """Return the targets as class numbers, or say what they should have been."""
        if y.ndim == 2 and y.shape[1] == 1:
            y = y[:, 0]
        if y.ndim != 1:
            raise TrainingError(f"sparse_categorical_crossentropy takes class numbers (n,), got targets {y.shape}")
        if not np.issubdtype(y.dtype, np.number) or not np.array_equal(y, np.floor(y.astype(np.float64))):
            raise TrainingError(f"sparse_categorical_crossentropy takes whole class numbers, got {y.dtype} targets")
        if y.size and not (y.min() >= 0 and y.max() < outputs):
            raise TrainingError(
                f"Received a label value of {y.max() if y.max() >= outputs else y.min()} which is outside the valid"
                f" range of [0, {outputs}): the model has {outputs} outputs"
            )
        return y.astype(np.intp)

    def rows(self, y: npt.NDArray[np.intp], logits: Array) -> Array:
        """Logits (B, C) -> losses (B,); the logits are overwritten with probabilities.

        log softmax(z)_y = z_y - max z - log sum exp(z - max z)
        """
        margin = logits.max(axis=1) - logits[np.arange(len(y)), y]
        probabilities = ACTIVATIONS["softmax"].forward(logits)
        # The largest probability is exp(0) / sum, so its logarithm is -log sum.
        return np.asarray(margin - np.log(probabilities.max(axis=1)))

    def gradient(self, y: npt.NDArray[np.intp], probabilities: Array) -> Array:
        """Probabilities (B, C) -> gradient of the mean loss with respect to the logits, in place.

        d(-log softmax(z)_y) / dz = softmax(z) - onehot(y)
        """
        probabilities[np.arange(len(y)), y] -= 1
        probabilities *= 1 / len(y)
        return probabilities


LOSSES = {"sparse_categorical_crossentropy": SparseCategoricalCrossentropy}
Loss = SparseCategoricalCrossentropy


def get(identifier: str | Loss) -> Loss:
    """Look up a loss by name, or take one as it is."""
    if isinstance(identifier, Loss):
        return identifier
    if identifier not in LOSSES:
        raise TrainingError(f"Could not interpret loss identifier: {identifier!r}; known are {', '.join(LOSSES)}")
    return LOSSES[identifier]()
