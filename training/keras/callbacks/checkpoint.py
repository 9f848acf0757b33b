"""The callback that saves the model during training."""

from collections.abc import Iterable
from pathlib import Path
from string import Formatter
from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.callback import MonitorCallback
from training.keras.saving.archive import check_suffix


class ModelCheckpoint(MonitorCallback):
    """A callback that saves the model or its weights at some frequency.

    Args:
        filepath: Path of the `.npz` file, which may contain the epoch and metrics in braces, such as
            "best-{epoch:02d}-{val_loss:.3f}.npz". Its folder is created if it does not exist.
        monitor: Name of the metric to monitor.
        verbose: 0 for no output, 1 for a message whenever the model is saved.
        save_best_only: Whether to save the model only when it is the best so far.
        save_weights_only: Whether to save only the weights.
        mode: One of "min", "max" and "auto": the direction of an improvement.
        save_freq: "epoch" to save after each epoch, or an integer N to save after every N batches.
        initial_value_threshold: Initial best value of the metric.
    """

    state_attributes = ("best", "batches")

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
            raise TrainingError(f"Unrecognized save_freq: {save_freq!r}. Expected 'epoch' or a positive integer")
        check_suffix(Path(filepath))
        self._names = [name for _, name, _, _ in Formatter().parse(str(filepath)) if name]
        if "batch" in self._names and save_freq == "epoch":
            raise TrainingError("The filepath names the {batch}, which is only known with an integer `save_freq`")
        super().__init__(monitor, mode)
        self.filepath, self.verbose, self.save_freq = str(filepath), verbose, save_freq
        self.save_best_only, self.save_weights_only = save_best_only, save_weights_only
        self.best, self.batches = initial_value_threshold, 0

    def on_train_begin(self, logs: Any = None) -> None:
        """Refuses a name of a validation metric that there will not be; other names may be those of other callbacks."""
        metrics = sorted(["loss", *self.model.compiled_model.metric_names])
        known = metrics + [f"val_{name}" for name in metrics] * self.params["do_validation"]
        for name in self._names:
            if name.startswith("val_") and name not in known:
                raise self._unknown(name, ["epoch", *known])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            return
        self.batches += 1
        if self.batches % self.save_freq == 0:  # type: ignore[operator]  # an integer, as __init__ checks
            self._save(self.model.fit_state.epoch, {"batch": batch + 1, **logs})

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Any) -> None:
        values = {"epoch": epoch + 1, **logs}
        try:
            path = Path(self.filepath.format(**values))
        except KeyError as error:
            raise self._unknown(str(error.args[0]), values) from error
        if self.save_best_only:
            if not self._improved(epoch, logs, path):
                return
        else:
            self._print(f"Epoch {epoch + 1}: saving model to {path}")
        save = self.model.save_weights if self.save_weights_only else self.model.save
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path)

    def _unknown(self, name: str, known: Iterable[str]) -> TrainingError:
        reason = f"Unknown name {name!r}. Expected one of: {', '.join(known)}"
        return TrainingError(f"Failed to format the filepath {self.filepath!r}: {reason}")

    def _improved(self, epoch: int, logs: Any, path: Path) -> bool:
        """Return whether the monitored metric has improved, and keep its best value."""
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
