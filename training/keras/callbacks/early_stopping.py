"""The callbacks that stop training: when a metric has stopped improving, or when the loss is NaN or infinite."""

from typing import Any

import numpy as np

from training.keras.callbacks.callback import Callback, MonitorCallback
from training.keras.checks import check_count


class EarlyStopping(MonitorCallback):
    """A callback that stops training when a monitored metric has stopped improving.

    Args:
        monitor: Name of the metric to monitor.
        min_delta: Minimum change that counts as an improvement.
        patience: Number of epochs without improvement after which training stops.
        verbose: 0 for no output, 1 for a message when training stops.
        mode: One of "min", "max" and "auto": the direction of an improvement.
        baseline: Value that the metric must improve on; until then, improvements do not reset the patience.
        restore_best_weights: Whether to restore the weights of the best epoch at the end of training.
        start_from_epoch: Number of epochs before monitoring starts.
    """

    state_attributes = ("wait", "stopped_epoch", "best_epoch", "best", "best_weights")

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
        check_count("patience", patience)
        self.patience, self.verbose, self.baseline = patience, verbose, baseline
        self.restore_best_weights, self.start_from_epoch = restore_best_weights, start_from_epoch

    def on_train_begin(self, logs: Any = None) -> None:
        self.wait, self.stopped_epoch, self.best_epoch, self.best = 0, 0, 0, self.worst
        self.best_weights: list[Any] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        value = self.monitored(
            logs,
            "Early stopping conditioned on metric `{monitor}` which is not available."
            " Available metrics are: {available}",
        )
        if value is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and not self.best_weights:
            # If the metric never improves, the weights of the first epoch are restored.
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
        """Restore the best weights, even if another callback stopped training."""
        if self.stopped_epoch > 0 and self.verbose > 0:
            print(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights:
            if self.verbose > 0:
                print(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)


class TerminateOnNaN(Callback):
    """A callback that terminates training when a NaN or infinite loss is encountered."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not np.isfinite(logs["loss"]):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True
