"""Callbacks that compare a metric with the best value so far."""

import warnings
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback


class MonitorCallback(Callback):
    """`mode` says which direction is better: min, max, or auto, which leaves it to the metric."""

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise TrainingError(f"mode must be auto, min or max, got {mode!r}")
        self.monitor, self.mode, self.min_delta = monitor, mode, min_delta

    @property
    def direction(self) -> str:
        """Whether "min" or "max" is better; of a metric that a callback adds to the logs the larger value is."""
        if self.mode != "auto":
            return self.mode
        return str(self.model.compiled_model.directions.get(self.monitor.removeprefix("val_"), "max"))

    def monitored(self, logs: Any, warning: str) -> float | None:
        """Return the value of the metric; without one warn that `warning` (…) is not available."""
        value: float | None = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(warning.format(monitor=self.monitor, available=",".join(logs or {})), stacklevel=3)
        return value

    @property
    def worst(self) -> float:
        """A value on which any other improves."""
        return np.inf if self.direction == "min" else -np.inf

    def improves(self, value: float, reference: float) -> bool:
        """Return whether a value is better than the reference by more than `min_delta`."""
        if self.direction == "min":
            return value < reference - self.min_delta
        return value > reference + self.min_delta
