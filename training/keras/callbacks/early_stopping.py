"""Callbacks that end a run: where nothing gets better, or nothing can get better any more."""

import warnings
from typing import Any

import numpy as np

from training.keras.callbacks.callback import Callback, better, check_mode, direction_of, worst


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
        """Forget an earlier run."""
        self.direction = direction_of(self.monitor, self.mode, self.model)
        self.wait, self.stopped_epoch, self.best_epoch = 0, 0, 0
        self.best = worst(self.direction)
        self.best_weights: list[Any] | None = None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look whether it got better."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            warnings.warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available."
                f" Available metrics are: {','.join(logs or {})}",
                stacklevel=2,
            )
            return
        if epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            # Where nothing ever improves, those of the first epoch are restored.
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if better(self.direction, value, self.best, self.min_delta):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or better(self.direction, value, self.baseline, self.min_delta):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Restore the best weights, whatever ended the run."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)

    def state(self) -> dict[str, Any]:
        """Return the best so far."""
        kept = ("wait", "stopped_epoch", "best_epoch", "best")
        return {name: getattr(self, name) for name in kept} | {"best_weights": self.best_weights or []}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where it was."""
        vars(self).update(state)
        self.best_weights = state["best_weights"] or None


class TerminateOnNaN(Callback):
    """Stop at the batch at which the loss is no number any more."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the loss."""
        if not np.isfinite(logs["loss"]):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True
