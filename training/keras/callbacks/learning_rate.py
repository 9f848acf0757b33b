"""The callbacks that change the learning rate: by a schedule, or when a metric has stopped improving."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback, MonitorCallback
from training.keras.checks import check_count


class LearningRateScheduler(Callback):
    """A callback that sets the learning rate before each epoch.

    Args:
        schedule: Function that takes an epoch index and the current learning rate, and returns the new learning rate.
        verbose: 0 for no output, 1 for a message in each epoch.
    """

    def __init__(self, schedule: Callable[..., float], verbose: int = 0) -> None:
        self.schedule, self.verbose = schedule, verbose

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        try:
            rate = self.schedule(epoch, self.model.optimizer.learning_rate)
        except TypeError:  # a schedule of the epoch alone, which Keras supports for backward compatibility
            rate = self.schedule(epoch)
        if not isinstance(rate, int | float | np.integer | np.floating) or not math.isfinite(rate):
            raise TrainingError(f"The output of the `schedule` function should be a float. Got: {rate}")
        self.model.optimizer.learning_rate = float(rate)
        if self.verbose > 0:
            print(f"\nEpoch {epoch + 1}: LearningRateScheduler setting learning rate to {rate}.")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["learning_rate"] = self.model.optimizer.learning_rate


class ReduceLROnPlateau(MonitorCallback):
    """A callback that reduces the learning rate when a metric has stopped improving.

    Args:
        monitor: Name of the metric to monitor.
        factor: Factor by which the learning rate is multiplied.
        patience: Number of epochs without improvement after which the learning rate is reduced.
        verbose: 0 for no output, 1 for a message whenever the learning rate is reduced.
        mode: One of "min", "max" and "auto": the direction of an improvement.
        min_delta: Minimum change that counts as an improvement.
        cooldown: Number of epochs to wait after a reduction before normal operation resumes.
        min_lr: Lower bound of the learning rate.
    """

    state_attributes = ("best", "wait", "cooling")

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
        super().__init__(monitor, mode, min_delta)
        check_count("patience", patience)
        check_count("cooldown", cooldown)
        self.factor, self.patience, self.verbose = factor, patience, verbose
        self.cooldown, self.min_lr = cooldown, min_lr

    def on_train_begin(self, logs: Any = None) -> None:
        self.best, self.wait, self.cooling = self.worst, 0, 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["learning_rate"] = self.model.optimizer.learning_rate
        value = self.monitored(
            logs,
            "Learning rate reduction is conditioned on metric `{monitor}` which is not available."
            " Available metrics are: {available}.",
        )
        if value is None:
            return
        if self.cooling > 0:
            self.cooling -= 1
            self.wait = 0
        if self.improves(value, self.best):
            self.best, self.wait = value, 0
        elif self.cooling <= 0:
            self.wait += 1
            if self.wait >= self.patience and self.model.optimizer.learning_rate > self.min_lr:
                rate = max(self.model.optimizer.learning_rate * self.factor, self.min_lr)
                self.model.optimizer.learning_rate = rate
                if self.verbose > 0:
                    print(f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing learning rate to {rate}.")
                self.cooling, self.wait = self.cooldown, 0
