"""What watches a run: the base class, and the two that every run or many a script uses."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from training.errors import TrainingError

if TYPE_CHECKING:
    from training.keras.sequential import Sequential

Logs = Mapping[str, float]


class Callback:
    """Subclass it and override what you need; `model` and `params` are set before training begins.

    `logs` are the figures so far: at the end of an epoch a dict that may be added to, during an epoch a
    mapping that computes when it is looked at.
    """

    model: "Sequential"
    params: dict[str, Any]

    def set_model(self, model: "Sequential") -> None:
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
        """Before a batch of it, which is as large as is fast, whatever `batch_size` says."""

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
        """Return what a resumed run needs to know: texts, numbers, lists and arrays."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where `state` was read."""


class Callbacks:
    """All callbacks of a run. Who has nothing to say of a batch is not asked for each."""

    def __init__(self, callbacks: list[Callback], model: "Sequential", params: dict[str, Any]) -> None:
        self.all = callbacks
        for callback in callbacks:
            callback.set_model(model)
            callback.set_params(params)
        self.batch_begin = self._overriding("on_train_batch_begin", "on_batch_begin")
        self.batch_end = self._overriding("on_train_batch_end", "on_batch_end")
        self.test_batch_begin = self._overriding("on_test_batch_begin")
        self.test_batch_end = self._overriding("on_test_batch_end")

    def _overriding(self, *names: str) -> list[Callable[..., None]]:
        """Return the first of these hooks of each callback that has one of them of its own."""
        return [getattr(callback, names[0]) for callback in self.all if any(_overrides(callback, n) for n in names)]

    def tell(self, hook: str, *arguments: Any) -> None:
        """Call a hook of each."""
        for callback in self.all:
            getattr(callback, hook)(*arguments)


class History(Callback):
    """`history` maps each figure to its values by epoch; `fit` returns one of these."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the figures."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def state(self) -> dict[str, Any]:
        """Return all figures."""
        return {"epoch": self.epoch, "history": self.history}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the figures of the epochs before."""
        self.epoch, self.history = list(state["epoch"]), dict(state["history"])


class LambdaCallback(Callback):
    """Functions as hooks: LambdaCallback(on_epoch_end=lambda epoch, logs: ...)."""

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        for name, hook in hooks.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                raise TrainingError(f"LambdaCallback takes the hooks of Callback, such as on_epoch_end, got {name}")
            if hook:
                setattr(self, name, hook)


def as_callbacks(given: Any) -> list[Callback]:
    """Return one callback, some or none as a list."""
    callbacks = [given] if isinstance(given, Callback) else list(given or [])
    for callback in callbacks:
        if not isinstance(callback, Callback):
            hint = f": did you mean {callback.__name__}(…)?" if isinstance(callback, type) else ""
            raise TrainingError(f"callbacks are objects of class Callback, got {callback!r}{hint}")
    return callbacks


def _overrides(callback: Callback, hook: str) -> bool:
    own = getattr(callback, hook)
    return getattr(own, "__func__", own) is not getattr(Callback, hook)


def better(direction: str, value: float, than: float, by: float = 0.0) -> bool:
    """Tell whether a figure is better than another by more than `by`."""
    return value < than - by if direction == "min" else value > than + by


def check_mode(mode: str) -> str:
    """Return whether less or more is better, or that the metric has to say it."""
    if mode not in ("auto", "min", "max"):
        raise TrainingError(f"mode must be auto, min or max, got {mode!r}")
    return mode


def direction_of(monitor: str, mode: str, model: "Sequential") -> str:
    """Return whether less or more is better, as told or as the metric has it."""
    if mode in ("min", "max"):
        return mode
    name = monitor.removeprefix("val_")
    return "min" if name == "loss" else model.metric_directions.get(name, "max")


def worst(direction: str) -> float:
    """Return what anything is better than."""
    return np.inf if direction == "min" else -np.inf
