"""The base classes of callbacks, and a callback made of functions."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.checks import invalid_argument

Logs = Mapping[str, float]


class Callback:
    """Base class used to build new callbacks: subclass it and override the hooks of interest.

    `model` and `params` are set before training begins. `logs` contains the loss and the metrics so far. At the end of
    an epoch it is a dict, to which a callback may add values; during an epoch it is a mapping that computes its values
    when they are read.
    """

    model: Any  # the Sequential model
    params: dict[str, Any]
    state_attributes: tuple[str, ...] = ()  # saved for a resumed run: strings, numbers, lists, dicts, arrays

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        """Sets the parameters of the run: verbose, epochs, steps, do_validation."""
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called at the beginning of training."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called at the end of training."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called at the start of an epoch; the first epoch is 0."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Called at the end of an epoch, after its validation."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called at the beginning of a training batch in `fit`."""
        self.on_batch_begin(batch, logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called at the end of a training batch in `fit`."""
        self.on_batch_end(batch, logs)

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """A backwards compatibility alias for `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """A backwards compatibility alias for `on_train_batch_end`."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called at the beginning of `evaluate`, and of a validation in `fit`."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `evaluate`, and of a validation in `fit`."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called at the beginning of an evaluation batch, whose size is independent of `batch_size`."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called at the end of an evaluation batch."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called at the beginning of `predict`."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called at the end of `predict`."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called at the beginning of a prediction batch, whose size is independent of `batch_size`."""

    def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
        """Called at the end of a prediction batch; `logs` contains its outputs."""

    def get_state(self) -> dict[str, Any]:
        """Returns the state that a resumed run needs."""
        return {name: getattr(self, name) for name in self.state_attributes}

    def set_state(self, state: dict[str, Any]) -> None:
        """Restores the state that `get_state` returned."""
        vars(self).update(state)


class MonitorCallback(Callback):
    """Base class of the callbacks that compare a metric with its best value so far.

    Args:
        monitor: Name of the metric to monitor.
        mode: "min" or "max" if a smaller or a larger value is an improvement, "auto" for the direction of the metric.
        min_delta: Minimum change that counts as an improvement.
    """

    def __init__(self, monitor: str, mode: str, min_delta: float = 0.0) -> None:
        if mode not in ("auto", "min", "max"):
            raise invalid_argument("mode", "one of 'auto', 'min', 'max'", mode)
        self.monitor, self.mode, self.min_delta = monitor, mode, min_delta

    @property
    def direction(self) -> str:
        """The direction of an improvement, "min" or "max"; "max" for a metric that a callback adds to the logs."""
        if self.mode != "auto":
            return self.mode
        return str(self.model.compiled_model.directions.get(self.monitor.removeprefix("val_"), "max"))

    def monitored(self, logs: Any, warning: str) -> float | None:
        """Return the value of the monitored metric; if the logs lack it, issue `warning` and return None."""
        value: float | None = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(warning.format(monitor=self.monitor, available=",".join(logs or {})), stacklevel=3)
        return value

    @property
    def worst(self) -> float:
        """The initial best value, on which every finite value improves."""
        return np.inf if self.direction == "min" else -np.inf

    def improves(self, value: float, reference: float) -> bool:
        """Return whether a value is better than the reference by more than `min_delta`."""
        if self.direction == "min":
            return value < reference - self.min_delta
        return value > reference + self.min_delta


class LambdaCallback(Callback):
    """A callback that calls the given functions as its hooks.

    Args:
        hooks: Functions by the names of their hooks, such as `on_epoch_end=lambda epoch, logs: ...`.
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        for name, hook in hooks.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                raise TrainingError(
                    "Unrecognized hook passed to LambdaCallback. Expected a hook of `Callback`, such as on_epoch_end."
                    f" Received: {name}"
                )
            if hook:
                setattr(self, name, hook)
