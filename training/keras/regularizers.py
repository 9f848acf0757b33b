"""Penalties on large weights, added to the loss: l1 * sum |w| + l2 * sum w²."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nn.activations import Array
from training.errors import TrainingError
from training.keras.lookup import get_object, no_other


@dataclass(frozen=True)
class L1L2:
    """Both penalties; either may be 0."""

    l1: float = 0.0
    l2: float = 0.0

    def __post_init__(self) -> None:
        for name in ("l1", "l2"):
            if not getattr(self, name) >= 0:
                raise TrainingError(f"`{name}` must be a number from 0 on, got {getattr(self, name)}")

    def penalty(self, w: Array) -> float:
        """Return what is added to the loss."""
        return float(self.l1 * np.abs(w).sum() + self.l2 * np.square(w).sum())

    def add_gradient(self, w: Array, gradient: Array) -> None:
        """Add l1 sign(w) + 2 l2 w."""
        if self.l1:
            gradient += self.l1 * np.sign(w)
        if self.l2:
            gradient += 2 * self.l2 * w


def l1(l1: float = 0.01) -> L1L2:
    """Return a penalty l1 * sum |w|."""
    return L1L2(l1=l1)


def l2(l2: float = 0.01) -> L1L2:
    """Return a penalty l2 * sum w²."""
    return L1L2(l2=l2)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Return both penalties."""
    return L1L2(l1, l2)


L1, L2 = l1, l2
REGULARIZERS = {"l1": l1, "l2": l2, "l1_l2": l1_l2}
__getattr__ = no_other("regularizer", ["L1", "L2", "L1L2", *REGULARIZERS])


def get(identifier: Any) -> L1L2 | None:
    """Look up a regularizer by name, or take one (or none) as it is."""
    return None if identifier is None else get_object("regularizer", identifier, REGULARIZERS, L1L2)
