"""The monitored metric of a callback: which direction is better, and whether a value is an improvement."""

import numpy as np

from training.errors import TrainingError
from training.keras.engine.model import TrainableModel


def check_mode(mode: str) -> str:
    """Return the argument `mode`: min, max, or auto, which leaves the direction to the metric."""
    if mode not in ("auto", "min", "max"):
        raise TrainingError(f"mode must be auto, min or max, got {mode!r}")
    return mode


def monitor_direction(monitor: str, mode: str, model: TrainableModel) -> str:
    """Return whether "min" or "max" is better, from the mode or from the metric."""
    if mode in ("min", "max"):
        return mode
    name = monitor.removeprefix("val_")
    return "min" if name == "loss" else model.metric_directions.get(name, "max")


def worst_value(direction: str) -> float:
    """Return a value on which any other improves."""
    return np.inf if direction == "min" else -np.inf


def is_improvement(direction: str, value: float, reference: float, min_delta: float = 0.0) -> bool:
    """Return whether a value is better than the reference by more than `min_delta`."""
    return value < reference - min_delta if direction == "min" else value > reference + min_delta
