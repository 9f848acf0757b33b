"""From probabilities back to logits, for a crossentropy whose probabilities come from elsewhere."""

import numpy as np

from nn.activations import Array

EPSILON = 1e-7  # keras.config.epsilon(): probabilities are clipped to EPSILON … 1 - EPSILON


class LogOp:
    """z = log(p): the logits of probabilities that did not come from a softmax. Its gradient is g / p."""

    def forward(self, p: Array, training: bool) -> Array:
        """(B, C) -> (B, C)."""
        clipped = np.clip(p, EPSILON, 1 - EPSILON)
        if training:
            self._clipped, self._inside = clipped, clipped == p
        return np.log(clipped)

    def backward(self, g: Array) -> Array:
        """(B, C) -> (B, C); none where the probability was clipped."""
        g /= self._clipped
        g *= self._inside
        return g


class LogitOp(LogOp):
    """z = log(p / (1 - p)): the logits of probabilities that did not come from a sigmoid."""

    def forward(self, p: Array, training: bool) -> Array:
        """(B, C) -> (B, C)."""
        z = super().forward(p, training)
        z -= np.log(1 - np.clip(p, EPSILON, 1 - EPSILON))
        return z

    def backward(self, g: Array) -> Array:
        """(B, C) -> (B, C): g / (p (1 - p))."""
        g /= 1 - self._clipped
        return super().backward(g)
