"""Regularizers, which add a penalty on large weights to the loss: `keras.regularizers`."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nn.activations import Array
from training.keras.checks import invalid_argument
from training.keras.lookup import get_object, module_getattr


@dataclass(frozen=True)
class L1L2:
    """A regularizer that applies both L1 and L2 penalties: l1 * sum |w| + l2 * sum w².

    Args:
        l1: L1 regularization factor.
        l2: L2 regularization factor.
    """

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        for name in ("l1", "l2"):
            if not getattr(self, name) >= 0:
                raise invalid_argument(name, "a number >= 0", getattr(self, name))

    def penalty(self, w: Array) -> float:
        """Compute the penalty that is added to the loss."""
        return float(self.l1 * np.abs(w).sum() + self.l2 * np.square(w).sum())

    def add_gradient(self, w: Array, gradient: Array) -> None:
        """Add the gradient of the penalty, l1 sign(w) + 2 l2 w, in place."""
        if self.l1:
            gradient += self.l1 * np.sign(w)
        if self.l2:
            gradient += 2 * self.l2 * w


def l1(l1: float = 0.01) -> L1L2:
    """A regularizer that applies an L1 penalty: l1 * sum |w|."""
    return L1L2(l1=l1)


def l2(l2: float = 0.01) -> L1L2:
    """A regularizer that applies an L2 penalty: l2 * sum w²."""
    return L1L2(l2=l2)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """A regularizer that applies both L1 and L2 penalties."""
    return L1L2(l1, l2)


L1, L2 = l1, l2
REGULARIZERS = {"l1": l1, "l2": l2, "l1_l2": l1_l2}
__getattr__ = module_getattr(__name__, ["L1", "L2", "L1L2", *REGULARIZERS])


def get(identifier: Any) -> L1L2 | None:
    """Return the regularizer with this name; a regularizer or None is returned unchanged."""
    return None if identifier is None else get_object("regularizer", identifier, REGULARIZERS, L1L2)
