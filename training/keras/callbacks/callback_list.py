"""The callbacks of a run, called together."""

from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.backup import BackupAndRestore
from training.keras.callbacks.callback import Callback
from training.keras.callbacks.history import History
from training.keras.callbacks.progress import progress_callbacks

OLD_NAMES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class CallbackList:
    """All callbacks of a run. Hooks of batches that are not overridden are not called."""

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any]) -> None:
        self._given = given = as_callbacks(callbacks)
        for callback in given:
            callback.set_model(model)
            callback.set_params(params)
        hooks = [name for name in dir(Callback) if name.startswith("on_") and "batch" in name]
        self._called = {hook: [callback for callback in given if _overrides(callback, hook)] for hook in hooks}

    def call(self, hook: str, *arguments: Any) -> None:
        """Call a hook of each callback."""
        for callback in self._called.get(hook, self._given):
            getattr(callback, hook)(*arguments)


def as_callbacks(given: Any) -> list[Callback]:
    """Return an argument `callbacks` as a list: one callback, several or None."""
    callbacks = [given] if isinstance(given, Callback) else list(given or [])
    for callback in callbacks:
        if not isinstance(callback, Callback):
            hint = f": did you mean {callback.__name__}(…)?" if isinstance(callback, type) else ""
            raise TrainingError(f"callbacks are objects of class Callback, got {callback!r}{hint}")
    return callbacks


def run_callbacks(given: Any, history: History, verbose: str | int) -> list[Callback]:
    """Return all callbacks of a run of fit. Backups come last: they keep the state of all others."""
    callbacks = [*progress_callbacks(verbose), *as_callbacks(given), history]
    return sorted(callbacks, key=lambda callback: isinstance(callback, BackupAndRestore))


def _overrides(callback: Callback, hook: str) -> bool:
    own = ((name, getattr(callback, name)) for name in (hook, OLD_NAMES.get(hook, hook)))
    return any(getattr(method, "__func__", method) is not getattr(Callback, name) for name, method in own)
