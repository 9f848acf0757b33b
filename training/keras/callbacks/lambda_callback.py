"""A callback made of functions."""

from collections.abc import Callable
from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback


class LambdaCallback(Callback):
    """Functions as hooks: LambdaCallback(on_epoch_end=lambda epoch, logs: ...)."""

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        for name, hook in hooks.items():
            if not name.startswith("on_") or not hasattr(Callback, name):
                raise TrainingError(f"LambdaCallback takes the hooks of Callback, such as on_epoch_end, got {name}")
            if hook:
                setattr(self, name, hook)
