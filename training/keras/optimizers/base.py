"""How the parameters follow their gradient: each optimizer is one method over flat vectors.

Names, defaults and formulas are those of Keras 3 (`keras/src/optimizers/`).
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from nn.activations import Array
from training.errors import TrainingError
from training.keras.checks import BELOW_1, check_number, refuse_arguments
from training.keras.engine.parameters import Parameters
from training.keras.lookup import look_up
from training.keras.optimizers import schedules

LearningRate = float | schedules.LearningRateSchedule
CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")


class Optimizer:
    """Updates all parameters of a model in place.

    Its state, `slots`, is some vectors (P,) as long as all parameters together. Before the step gradients are
    clipped: the norm of each tensor (clipnorm), of all together (global_clipnorm) or each value (clipvalue).
    """

    slot_count: ClassVar[int] = 0
    FLUSH_EVERY = 64  # steps
    weight_decay: float | None = None

    def __init__(self, learning_rate: LearningRate, **options: Any) -> None:
        if not callable(learning_rate) and not (
            isinstance(learning_rate, int | float | np.floating) and learning_rate > 0
        ):
            raise TrainingError(f"learning_rate must be above 0, got {learning_rate!r}")
        self._learning_rate = learning_rate
        self.iterations = 0
        self.slots: list[Array] = []
        refuse_arguments(self, options.keys() - CLIPS)
        self.options = {name: value for name, value in options.items() if value is not None}
        if len(self.options) > 1:
            raise TrainingError(f"Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set: {options}")
        for name, most in self.options.items():
            check_number(name, most, 0)

    @property
    def scheduled(self) -> bool:
        """Whether the rate follows a schedule."""
        return callable(self._learning_rate)

    @property
    def learning_rate(self) -> float:
        """The rate of the next step."""
        rate = self._learning_rate
        return float(rate(self.iterations)) if callable(rate) else rate

    @learning_rate.setter
    def learning_rate(self, rate: LearningRate) -> None:
        if self.scheduled and not callable(rate):
            raise TrainingError(
                "This optimizer was created with a `LearningRateSchedule` object as its `learning_rate` constructor"
                " argument, hence its learning rate is not settable. If you need the learning rate to be settable,"
                " you should instantiate the optimizer with a float `learning_rate` argument."
            )
        self._learning_rate = rate

    def build(self, values: Array) -> None:
        """Make room for the state, all zero, and begin to count anew."""
        self.iterations = 0
        self.slots = [np.zeros_like(values) for _ in range(self.slot_count)]
        self._scratch = np.empty_like(values)

    def apply(self, parameters: Parameters) -> None:
        """Take one step: the values move, the gradient may be overwritten."""
        rate = self.learning_rate
        self.iterations += 1
        if self._scratch.shape != parameters.values.shape:  # some rows rest, or rest no more
            self._scratch = np.empty_like(parameters.values)
        if self.options:
            self._clip_gradient(parameters)
        if self.weight_decay:
            self._decay(parameters, self.weight_decay * rate)
        self.step(parameters.values, parameters.gradient, rate)
        if self.iterations % self.FLUSH_EVERY == 0:
            self._flush()

    def step(self, values: Array, gradient: Array, rate: float) -> None:
        """Do the arithmetic of one step."""
        raise NotImplementedError

    def _flush(self) -> None:
        """Zero what has decayed to almost nothing.

        The state of weights without a gradient would become subnormal numbers, on which arithmetic
        is many times slower. At this size it moves no weight by a bit.
        """
        for slot in self.slots:
            slot *= np.abs(slot) > 1e-30

    def _clip_gradient(self, parameters: Parameters) -> None:
        ((name, most),) = self.options.items()
        if name == "clipvalue":
            np.clip(parameters.gradient, -most, most, out=parameters.gradient)
            return
        parts = [parameters.gradient] if name == "global_clipnorm" else [t.gradient for t in parameters.tensors]
        for part in parts:
            norm = np.linalg.norm(part)
            if norm > most:
                part *= most / norm

    def _decay(self, parameters: Parameters, share: float) -> None:
        parameters.values *= 1 - share


class SGD(Optimizer):
    """m = momentum m - lr g;  w += m, or with nesterov  w += momentum m - lr g."""

    slot_count = 1

    def __init__(
        self, learning_rate: LearningRate = 0.01, momentum: float = 0.0, nesterov: bool = False, **options: Any
    ) -> None:
        super().__init__(learning_rate, **options)
        check_number("momentum", momentum, 0, 1)
        self.momentum, self.nesterov = momentum, nesterov

    def step(self, values: Array, gradient: Array, rate: float) -> None:
        """Do the arithmetic of one step."""
        gradient *= rate
        if self.momentum:
            (m,) = self.slots
            m *= self.momentum
            m -= gradient
            if not self.nesterov:
                values += m
                return
            values += self.momentum * m
        values -= gradient


class RMSprop(Optimizer):
    """v = rho v + (1 - rho) g²;  w -= lr g / sqrt(v + epsilon), through a momentum where there is one."""

    slot_count = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        check_number("rho", rho, 0, 1)
        check_number("momentum", momentum, 0, 1)
        check_number("epsilon", epsilon, 0)
        self.rho, self.momentum, self.epsilon = rho, momentum, epsilon

    def step(self, values: Array, gradient: Array, rate: float) -> None:
        """Do the arithmetic of one step."""
        (v, m), scratch = self.slots, self._scratch
        np.multiply(gradient, gradient, out=scratch)
        scratch *= 1 - self.rho
        v *= self.rho
        v += scratch
        np.add(v, self.epsilon, out=scratch)
        np.sqrt(scratch, out=scratch)
        np.divide(gradient, scratch, out=scratch)
        scratch *= rate
        if self.momentum:
            m *= self.momentum
            m += scratch
            scratch = m
        values -= scratch


class Adam(Optimizer):
    """m = β1 m + (1 - β1) g;  v = β2 v + (1 - β2) g²;  w -= α m / (sqrt(v) + epsilon).

    α = lr sqrt(1 - β2^t) / (1 - β1^t) at step t (Kingma & Ba 2015, with epsilon outside the
    correction as in Keras). Kept are m / (1 - β1) and v / (1 - β2), which saves two passes.
    """

    slot_count = 2

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        check_number("beta_1", beta_1, 0, BELOW_1)
        check_number("beta_2", beta_2, 0, BELOW_1)
        check_number("epsilon", epsilon, 0)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    def step(self, values: Array, gradient: Array, rate: float) -> None:
        """Do the arithmetic of one step."""
        (m, v), scratch, t = self.slots, self._scratch, self.iterations
        alpha = rate * (1 - self.beta_2**t) ** 0.5 / (1 - self.beta_1**t)
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


class AdamW(Adam):
    """Adam, and before each step w -= lr weight_decay w (Loshchilov & Hutter 2019), biases included as in Keras."""

    def __init__(
        self,
        learning_rate: LearningRate = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        exclude_from_weight_decay: Sequence[str] = (),
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **options)
        check_number("weight_decay", weight_decay, 0)
        self.weight_decay = weight_decay
        # An argument too, so that a saved optimizer comes back with it.
        self.exclude_from_weight_decay(exclude_from_weight_decay)

    def exclude_from_weight_decay(self, var_names: Sequence[str]) -> None:
        """Leave tensors alone whose name contains one of these, such as bias."""
        if isinstance(var_names, str):
            raise TrainingError("exclude_from_weight_decay takes a list of names, such as ['bias']")
        self._exclude_from_weight_decay = tuple(var_names)

    def _decay(self, parameters: Parameters, share: float) -> None:
        if not self._exclude_from_weight_decay:
            super()._decay(parameters, share)
            return
        for tensor in parameters.tensors:
            if not any(name in tensor.name for name in self._exclude_from_weight_decay):
                tensor.values[...] *= 1 - share


OPTIMIZERS: dict[str, type[Any]] = {"sgd": SGD, "rmsprop": RMSprop, "adam": Adam, "adamw": AdamW}


def get(identifier: Any) -> Optimizer:
    """Look up an optimizer by name, in any case of letters, or take one as it is."""
    if isinstance(identifier, Optimizer):
        return identifier
    name = identifier.lower() if isinstance(identifier, str) else identifier
    optimizer: Optimizer = look_up("optimizer", name, OPTIMIZERS)()
    return optimizer
