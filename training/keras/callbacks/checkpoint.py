"""Saving the model during a run."""

from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.callback import MonitorCallback


class ModelCheckpoint(MonitorCallback):
    """Save the model (or its weights alone) after each epoch, or only where it is the best so far.

    The path may contain the epoch and metrics, such as "best-{epoch:02d}-{val_loss:.3f}.npz".
    """

    resumed = ("best", "batches")

    def __init__(
        self,
        filepath: str | Path,
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        if save_freq != "epoch" and not (isinstance(save_freq, int) and save_freq > 0):
            raise TrainingError(f"Unrecognized save_freq: {save_freq!r}. Expected 'epoch' or a number of batches")
        super().__init__(monitor, mode)
        self.filepath, self.verbose, self.save_freq = str(filepath), verbose, save_freq
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.best, self.batches = initial_value_threshold, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save after every `save_freq` batches."""
        if self.save_freq == "epoch":
            return
        self.batches += 1
        if self.batches % self.save_freq == 0:  # type: ignore[operator]  # a number, as __init__ checked
            self._save(self.model.state.epoch, dict(logs))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save after an epoch."""
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Any) -> None:
        path = Path(self.filepath.format(epoch=epoch + 1, **logs))
        if self.save_best_only:
            if not self._improved(epoch, logs, path):
                return
        else:
            self._print(f"Epoch {epoch + 1}: saving model to {path}")
        save = self.model.save_weights if self.save_weights_only else self.model.save
        save(path)

    def _improved(self, epoch: int, logs: Any, path: Path) -> bool:
        """Compare the monitored metric with the best so far, and keep the better one."""
        value = self.monitored(logs, "Can save best model only with {monitor} available.")
        if value is None:
            return False
        before = self.worst if self.best is None else self.best
        if not self.improves(value, before):
            self._print(f"Epoch {epoch + 1}: {self.monitor} did not improve from {before:.5f}")
            return False
        self.best = value
        self._print(
            f"Epoch {epoch + 1}: {self.monitor} improved from {before:.5f} to {value:.5f}, saving model to {path}"
        )
        return True

    def _print(self, text: str) -> None:
        if self.verbose > 0:
            print(f"\n{text}")
