"""How the parameters follow their gradient: each optimizer is one method over two flat vectors.

Names, defaults and formulas are those of Keras 3 (`keras/src/optimizers/`).
"""

import numpy as np

from nn.activations import Array
from training.errors import TrainingError


class Optimizer:
    """Updates all parameters of a model in place; its own state is as long as they are."""

    def __init__(self, learning_rate: float) -> None:
        if not learning_rate > 0:
            raise TrainingError(f"learning_rate must be above 0, got {learning_rate}")
        self.learning_rate = learning_rate
        self.iterations = 0

    def build(self, values: Array) -> None:
        """Make room for the state, all zero."""

    def apply(self, values: Array, gradient: Array) -> None:
        """Take one step: values (P,) move, gradient (P,) may be overwritten."""
        self.iterations += 1
        # A diverging run overflows here; whoever trains looks at the loss.
        with np.errstate(over="ignore", invalid="ignore"):
            self.step(values, gradient)

    def step(self, values: Array, gradient: Array) -> None:
        """Do the arithmetic of one step."""
        raise NotImplementedError


class SGD(Optimizer):
    """m = momentum m - lr g;  w += m, or with nesterov  w += momentum m - lr g."""

    def __init__(self, learning_rate: float = 0.01, momentum: float = 0.0, nesterov: bool = False) -> None:
        super().__init__(learning_rate)
        if not 0 <= momentum <= 1:
            raise TrainingError(f"`momentum` must be a number from 0 to 1, got {momentum}")
        self.momentum, self.nesterov = momentum, nesterov

    def build(self, values: Array) -> None:
        """Make room for m."""
        self._m = np.zeros_like(values)

    def step(self, values: Array, gradient: Array) -> None:
        """Do the arithmetic of one step."""
        gradient *= self.learning_rate
        if self.momentum:
            self._m *= self.momentum
            self._m -= gradient
            if not self.nesterov:
                values += self._m
                return
            values += self.momentum * self._m
        values -= gradient


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g²;  w -= lr g / sqrt(v + epsilon)."""

    def __init__(self, learning_rate: float = 0.001, rho: float = 0.9, epsilon: float = 1e-7) -> None:
        super().__init__(learning_rate)
        self.rho, self.epsilon = rho, epsilon

    def build(self, values: Array) -> None:
        """Make room for v."""
        self._v, self._scratch = np.zeros_like(values), np.empty_like(values)

    def step(self, values: Array, gradient: Array) -> None:
        """Do the arithmetic of one step."""
        v, scratch = self._v, self._scratch
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1 - self.rho
        v *= self.rho
        v += scratch
        np.add(v, self.epsilon, out=scratch)
        np.sqrt(scratch, out=scratch)
        np.divide(gradient, scratch, out=scratch)
        scratch *= self.learning_rate
        values -= scratch


class Adam(Optimizer):
    """m = β1 m + (1 - β1) g;  v = β2 v + (1 - β2) g²;  w -= α m / (sqrt(v) + epsilon).

    α = lr sqrt(1 - β2^t) / (1 - β1^t) at step t (Kingma & Ba 2015, with epsilon outside the
    correction as in Keras). Kept are m / (1 - β1) and v / (1 - β2), which saves two passes.
    """

    FLUSH_EVERY = 64

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
    ) -> None:
        super().__init__(learning_rate)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def build(self, values: Array) -> None:
        """Make room for m and v."""
        self._m, self._v, self._scratch = (np.zeros_like(values) for _ in range(3))

    def step(self, values: Array, gradient: Array) -> None:
        """Do the arithmetic of one step."""
        m, v, scratch, t = self._m, self._v, self._scratch, self.iterations
        alpha = self.learning_rate * (1 - self.beta_2**t) ** 0.5 / (1 - self.beta_1**t)
        root = (1 - self.beta_2) ** 0.5
        m *= self.beta_1
        m += gradient
        np.multiply(gradient, gradient, out=gradient)
        v *= self.beta_2
        v += gradient
        np.sqrt(v, out=scratch)
        scratch += self.epsilon / root
        np.divide(m, scratch, out=scratch)
        scratch *= alpha * (1 - self.beta_1) / root
        values -= scratch
        if t % self.FLUSH_EVERY == 0:
            self._flush()

    def _flush(self) -> None:
        """Zero what has decayed to almost nothing.

        The moments of weights without a gradient would become subnormal numbers, on which arithmetic
        is many times slower. At these sizes they move no weight by a bit.
        """
        self._m *= np.abs(self._m) > 1e-25
        self._v *= self._v > 1e-32


OPTIMIZERS: dict[str, type[SGD | RMSprop | Adam]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam}


def get(identifier: str | Optimizer) -> Optimizer:
    """Look up an optimizer by name, in any case of letters, or take one as it is."""
    if isinstance(identifier, Optimizer):
        return identifier
    if not isinstance(identifier, str) or identifier.lower() not in OPTIMIZERS:
        known = ", ".join(OPTIMIZERS)
        raise TrainingError(f"Could not interpret optimizer identifier: {identifier!r}; known are {known}")
    return OPTIMIZERS[identifier.lower()]()
