"""The base classes of callbacks, and a callback made of functions."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from training.errors import TrainingError

Logs = Mapping[str, float]


class Callback:
    """Subclass it and override the hooks you need; `model` and `params` are set before training begins.

    `logs` are the loss and the metrics so far: at the end of an epoch a dict that may be added to, during an epoch a
    mapping that computes them when they are read.
    """

    model: Any  # the Sequential that is trained
    params: dict[str, Any]
    resumed: tuple[str, ...] = ()  # the attributes that a resumed run needs: texts, numbers, lists and arrays

    def set_model(self, model: Any) -> None:
        """Take the model."""
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Take the parameters of the run: verbose, epochs, steps, do_validation."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before epoch number `epoch`, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """After an epoch and its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a step."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a step."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a step, by its old name."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a step, by its old name."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before an evaluation or a validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After it."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of it, which is as large as is fast, independently of `batch_size`."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After it."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Before a prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """After it."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch of it, which is as large as is fast."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """After it; `logs` hold its outputs."""

    def state(self) -> dict[str, Any]:
        """Return the state that a resumed run needs."""
        return {name: getattr(self, name) for name in self.resumed}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a state that `state` returned."""
        vars(self).update(state)


class MonitorCallback(Callback):
    """Compares a metric with the best value so far.

    `mode` says which direction is better: min, max, or auto, which leaves it to the metric.
    """

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


class LambdaCallback(Callback):
    """Functions as hooks: LambdaCallback(on_epoch_end=lambda epoch, logs: ...)."""

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        for name, hook in hooks.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                raise TrainingError(f"LambdaCallback takes the hooks of Callback, such as on_epoch_end, got {name}")
            if hook:
                setattr(self, name, hook)
