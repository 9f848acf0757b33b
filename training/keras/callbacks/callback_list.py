"""Calls the hooks of all callbacks of a run."""

from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.backup import BackupAndRestore
from training.keras.callbacks.callback import Callback
from training.keras.callbacks.history import History
from training.keras.callbacks.progress import progress_callbacks

HOOK_ALIASES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}


class CallbackList:
    """A list of callbacks whose hooks are called together. Batch hooks that are not overridden are skipped."""

    def __init__(self, callbacks: Any, model: Any, params: dict[str, Any]) -> None:
        self._callbacks = as_callbacks(callbacks)
        for callback in self._callbacks:
            callback.set_model(model)
            callback.set_params(params)
        batch_hooks = [name for name in dir(Callback) if name.startswith("on_") and "batch" in name]
        self._overriding = {hook: [c for c in self._callbacks if _overrides(c, hook)] for hook in batch_hooks}

    def call(self, hook: str, *arguments: Any) -> None:
        for callback in self._overriding.get(hook, self._callbacks):
            getattr(callback, hook)(*arguments)


def as_callbacks(given: Any) -> list[Callback]:
    """Return the argument `callbacks` (one callback, several or None) as a list."""
    callbacks = [given] if isinstance(given, Callback) else list(given or [])
    for callback in callbacks:
        if not isinstance(callback, Callback):
            hint = f". Did you mean {callback.__name__}(...)?" if isinstance(callback, type) else ""
            raise TrainingError(
                "Invalid value received for argument `callbacks`. Expected `Callback` instances. Received:"
                f" {callback!r}{hint}"
            )
    return callbacks


def fit_callbacks(given: Any, history: History, verbose: str | int) -> list[Callback]:
    """Return all callbacks of a run of `fit`. A backup comes last, because it saves the state of all others."""
    callbacks = [*progress_callbacks(verbose), *as_callbacks(given), history]
    return sorted(callbacks, key=lambda callback: isinstance(callback, BackupAndRestore))


def _overrides(callback: Callback, hook: str) -> bool:
    own = ((name, getattr(callback, name)) for name in (hook, HOOK_ALIASES.get(hook, hook)))
    return any(getattr(method, "__func__", method) is not getattr(Callback, name) for name, method in own)
