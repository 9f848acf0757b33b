"""A learning rate for each epoch."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback


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
        """Add the rate to the logs."""
        logs["learning_rate"] = self.model.optimizer.learning_rate
