"""Ending a run that does not improve any more."""

import warnings
from typing import Any

from training.keras.callbacks.callback import Callback
from training.keras.callbacks.monitor import check_mode, is_improvement, monitor_direction, worst_value


class EarlyStopping(Callback):
    """Stop when `monitor` has not improved by more than `min_delta` for `patience` epochs."""

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        self.monitor, self.min_delta, self.patience = monitor, abs(min_delta), patience
        self.verbose, self.mode, self.baseline = verbose, check_mode(mode), baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch

    def on_train_begin(self, logs: Any = None) -> None:
        """Reset the state."""
        self.direction = monitor_direction(self.monitor, self.mode, self.model)
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best = worst_value(self.direction)
        self.best_weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare with the best so far; stop where patience has run out."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available."
                f" Available metrics are: {','.join(logs or {})}",
                stacklevel=2,
            )
            return
        if epoch >= self.start_from_epoch:
            self._compare(epoch, value)

    def _compare(self, epoch: int, value: float) -> None:
        if self.restore_best_weights and self.best_weights is None:
            # Where nothing ever improves, those of the first epoch are restored.
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if is_improvement(self.direction, value, self.best, self.min_delta):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or is_improvement(self.direction, value, self.baseline, self.min_delta):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Restore the best weights, also where another callback ended the run."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def state(self) -> dict[str, Any]:
        """Return the best so far."""
        names = ("wait", "stopped_epoch", "best_epoch", "best")
        return {name: getattr(self, name) for name in names} | {"best_weights": self.best_weights or []}

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        vars(self).update(state)
        self.best_weights = state["best_weights"] or None
