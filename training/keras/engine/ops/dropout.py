"""Dropout."""

import numpy as np
import numpy.typing as npt

from nn.activations import Array
from training.keras.engine.ops.base import Workspace


class DropoutOp:
    """Inverted dropout (Srivastava et al. 2014): keeps a unit with probability 1 - rate, scaled by 1 / (1 - rate).

    A unit is kept if 16 random bits, as an integer, are at least rate * 2¹⁶. The bits are drawn for many batches at
    once: raw bits are cheaper than floats, and one large draw is cheaper than many small ones.
    """

    UNITS_PER_DRAW = 2**16

    def __init__(self, rate: float, rng: np.random.Generator) -> None:
        self.rate = rate
        self.rng = rng
        self._threshold = round(rate * 2**16)
        self._bits: npt.NDArray[np.uint16] = np.empty(0, np.uint16)
        self._y, self._mask = Workspace(), Workspace()

    def restart(self) -> None:
        """Discard the bits drawn ahead, so that the next mask depends only on the state of the generator."""
        self._bits = self._bits[:0]

    def forward(self, x: Array, training: bool) -> Array:
        """Apply a new mask in training; return x unchanged in inference."""
        if not training or self.rate == 0:
            return x
        if self._bits.size < x.size:
            raw = self.rng.bit_generator.random_raw(max(self.UNITS_PER_DRAW, x.size) // 4 + 1)
            self._bits = np.asarray(raw).view(np.uint16)
        bits, self._bits = self._bits[: x.size], self._bits[x.size :]
        mask = self.mask = self._mask.get(x.shape, x.dtype)
        np.greater_equal(bits.reshape(x.shape), self._threshold, out=mask)
        if self.rate < 1:
            mask *= 1 / (1 - self.rate)
        # Not in place, because the previous operation may still need its output.
        return np.multiply(x, mask, out=self._y.get(x.shape, x.dtype))

    def backward(self, g: Array) -> Array:
        """Apply the mask of the forward pass to the gradient, in place."""
        if self.rate:
            g *= self.mask
        return g
