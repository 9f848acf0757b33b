"""Callbacks that change the learning rate between epochs; the rate joins the figures of the epoch."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback, better, check_mode, direction_of, worst


class LearningRateScheduler(Callback):
    """Before each epoch, learning_rate = schedule(epoch, learning_rate)."""

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Set the rate of this epoch."""
        try:
            rate = self.schedule(epoch, self.model.optimizer.learning_rate)
        except TypeError:  # schedules of Keras's old form
            rate = self.schedule(epoch)
        if not isinstance(rate, int | float | np.integer | np.floating) or not math.isfinite(rate):
            raise TrainingError(f"The output of the `schedule` function should be a float. Got: {rate}")
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add the rate to the figures."""
        logs["learning_rate"] = self.model.optimizer.learning_rate


class ReduceLROnPlateau(Callback):
    """Multiply the rate by `factor` when `monitor` has not improved for `patience` epochs."""

    def __init__(
        self,
        monitor: str = "val_loss",
        factor: float = 0.1,
        patience: int = 10,
        verbose: int = 0,
        mode: str = "auto",
        min_delta: float = 1e-4,
        cooldown: int = 0,
        min_lr: float = 0.0,
    ) -> None:
        if factor >= 1.0:
            raise TrainingError(f"ReduceLROnPlateau does not support a factor >= 1.0. Got {factor}")
        self.monitor, self.factor, self.patience, self.verbose = monitor, factor, patience, verbose
        self.mode, self.min_delta, self.cooldown, self.min_lr = check_mode(mode), min_delta, cooldown, min_lr

    def on_train_begin(self, logs: Any = None) -> None:
        """Forget an earlier run."""
        self.direction = direction_of(self.monitor, self.mode, self.model)
        self.best, self.wait, self.cooling = worst(self.direction), 0, 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look whether it got better."""
        logs["learning_rate"] = self.model.optimizer.learning_rate
        value = logs.get(self.monitor)
        if value is None:
            warnings.warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not available."
                f" Available metrics are: {','.join(logs)}.",
                stacklevel=2,
            )
            return
        if self.cooling > 0:
            self.cooling -= 1
            self.wait = 0
        if better(self.direction, value, self.best, self.min_delta):
            self.best, self.wait = value, 0
        elif self.cooling <= 0:
            self.wait += 1
            if self.wait >= self.patience:
                self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        rate = self.model.optimizer.learning_rate
        if rate > self.min_lr:
            rate = max(rate * self.factor, self.min_lr)
            self.model.optimizer.learning_rate = rate
            if self.verbose > 0:
                print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")
            self.cooling, self.wait = self.cooldown, 0

    def state(self) -> dict[str, Any]:
        """Return the best so far; the rate is the optimizer's to keep."""
        return {name: getattr(self, name) for name in ("best", "wait", "cooling")}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where it was."""
        vars(self).update(state)
