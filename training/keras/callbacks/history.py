"""The record of a run."""

from typing import Any

from training.keras.callbacks.callback import Callback


class History(Callback):
    """`history` maps the loss and each metric to its values by epoch; `fit` returns one of these."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Append the logs of the epoch."""
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)

    def state(self) -> dict[str, Any]:
        """Return all epochs."""
        return {"epoch": self.epoch, "history": self.history}

    def restore(self, state: dict[str, Any]) -> None:
        """Take over the epochs before."""
        self.epoch, self.history = list(state["epoch"]), dict(state["history"])
