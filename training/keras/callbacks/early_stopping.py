"""Ending a run that does not improve any more, or whose loss diverges."""

from typing import Any

import numpy as np

from training.keras.callbacks.callback import Callback, MonitorCallback


class EarlyStopping(MonitorCallback):
    """Stop when `monitor` has not improved by more than `min_delta` for `patience` epochs."""

    resumed = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")

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
        super().__init__(monitor, mode, abs(min_delta))
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch

    def on_train_begin(self, logs: Any = None) -> None:
        """Reset the state."""
        self.wait, self.stopped_epoch, self.best_epoch, self.best = 0, 0, 0, self.worst
        self.best_weights: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Compare with the best so far; stop where patience has run out."""
        value = self.monitored(
            logs,
            "Early stopping conditioned on metric `{monitor}` which is not available."
            " Available metrics are: {available}",
        )
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and not self.best_weights:
            # Where nothing ever improves, those of the first epoch are restored.
            self.best_weights, self.best_epoch = self.model.get_weights(), epoch
        self.wait += 1
        if self.improves(value, self.best):
            self.best, self.best_epoch = value, epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self.improves(value, self.baseline):
                self.wait = 0
            return
        if self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Restore the best weights, also where another callback ended the run."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """Stop at the batch at which the loss becomes NaN or infinite."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Check the loss."""
        if not np.isfinite(logs["loss"]):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True
