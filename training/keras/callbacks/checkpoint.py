"""Callbacks that write files: the model, its figures, and what an interrupted run needs to go on."""

import csv
import warnings
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback, better, check_mode, direction_of, worst
from training.keras.saving import model_file


class ModelCheckpoint(Callback):
    """Save the model (or its weights alone) after each epoch, or each that was the best so far.

    The path may name epoch and figures, such as "best-{epoch:02d}-{val_loss:.3f}.npz".
    """

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
        self.filepath, self.monitor, self.verbose = str(filepath), monitor, verbose
        self.save_best_only, self.save_weights_only, self.mode = save_best_only, save_weights_only, check_mode(mode)
        self.save_freq, self.best = save_freq, initial_value_threshold
        self._batches = 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Save after every so many batches."""
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches % self.save_freq == 0:  # type: ignore[operator]  # a number, as __init__ saw
            self._save(self._epoch, dict(logs))

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the epoch, for the path."""
        self._epoch = epoch

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Save after an epoch."""
        if self.save_freq == "epoch":
            self._save(epoch, logs)

    def _save(self, epoch: int, logs: Any) -> None:
        path = Path(self.filepath.format(epoch=epoch + 1, **logs))
        if self.save_best_only:
            value = logs.get(self.monitor)
            if value is None:
                warnings.warn(f"Can save best model only with {self.monitor} available.", stacklevel=2)
                return
            direction = direction_of(self.monitor, self.mode, self.model)
            before = worst(direction) if self.best is None else self.best
            if not better(direction, value, before):
                self._say(f"Epoch {epoch + 1}: {self.monitor} did not improve from {before:.5f}")
                return
            self.best = value
            self._say(
                f"Epoch {epoch + 1}: {self.monitor} improved from {before:.5f} to {value:.5f}, saving model to {path}"
            )
        else:
            self._say(f"Epoch {epoch + 1}: saving model to {path}")
        if self.save_weights_only:
            model_file.save_weights(self.model, path)
        else:
            model_file.save_model(self.model, path)

    def _say(self, text: str) -> None:
        if self.verbose > 0:
            print(f"\n{text}")

    def state(self) -> dict[str, Any]:
        """Return the best so far."""
        return {"best": self.best, "batches": self._batches}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up where it was."""
        self.best, self._batches = state["best"], state["batches"]


class CSVLogger(Callback):
    """Write the figures of each epoch as a line of a CSV file; NA stands where an epoch was not validated."""

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False) -> None:
        self.path, self.separator, self.append = Path(filename), separator, append

    def on_train_begin(self, logs: Any = None) -> None:
        """Begin the file anew, or go on where it ends."""
        try:
            self._columns = self._header() if self.append and self.path.exists() else []
            if not self.append:
                self.path.write_text("")
        except OSError as error:
            raise self._unwritable(error) from error

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write a line; what was written stays, whatever happens next."""
        lines = []
        if not self._columns:
            lines.append(self._begin(logs))
        figures = {"epoch": epoch, **logs}
        lines.append([figures.get(name, "NA") for name in self._columns])
        try:
            with self.path.open("a", newline="") as file:
                csv.writer(file, delimiter=self.separator).writerows(lines)
        except OSError as error:
            raise self._unwritable(error) from error

    def _begin(self, logs: Any) -> list[str]:
        """Choose the columns: those of a validation too, which may come in a later epoch."""
        names = ["loss", *self.model.metric_directions] if self.params["do_validation"] else []
        self._columns = ["epoch", *logs, *sorted({f"val_{name}" for name in names} - set(logs))]
        return self._columns

    def _header(self) -> list[str]:
        with self.path.open(newline="") as file:
            return next(csv.reader(file, delimiter=self.separator), [])

    def _unwritable(self, error: OSError) -> TrainingError:
        return TrainingError(f"{self.path} can't be written: {error.strerror or error}")


class BackupAndRestore(Callback):
    """Keep in `backup_dir` what it takes to go on after a crash, written after each epoch, removed at the end.

    The same script started again goes on after the last complete epoch, and ends with the very bits of a run
    that was never interrupted: weights, optimizer, random generators and the other callbacks are all restored.
    """

    FORMAT = 2  # of the file; one that keeps anything else has another number

    def __init__(self, backup_dir: str | Path, delete_checkpoint: bool = True) -> None:
        self.path, self.delete_checkpoint = Path(backup_dir) / "backup.npz", delete_checkpoint

    def on_train_begin(self, logs: Any = None) -> None:
        """Restore model and callbacks where there is a backup: all other callbacks have begun already."""
        if not self.path.exists():
            return
        state = model_file.read_state(self.path)
        if state.get("format") != self.FORMAT:
            raise TrainingError(f"{self.path} was written by another version of npserve: remove it to begin anew")
        others = self._others()
        if len(state.get("callbacks", ())) != len(others):
            raise TrainingError(f"{self.path} belongs to a run with other callbacks: remove it to begin anew")
        model_file.restore_training(self.model, state["training"], self.path)
        for callback, kept in zip(others, state["callbacks"], strict=True):
            callback.restore(kept)
        self.model.next_epoch, self.model.stop_training = state["next_epoch"], state["stop_training"]
        self.model.remaining = state["remaining"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the backup: all other callbacks know already that the epoch has ended."""
        state = {
            "format": self.FORMAT,
            "next_epoch": self.model.next_epoch,
            "stop_training": self.model.stop_training,
            "remaining": self.model.remaining,
            "training": model_file.training_state(self.model),
            "callbacks": [callback.state() for callback in self._others()],
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.path.parent} can't be made: {error.strerror or error}") from error
        model_file.write_state(self.path, state)

    def on_train_end(self, logs: Any = None) -> None:
        """Remove the backup of a run that came to its end."""
        if self.delete_checkpoint and not self.model.interrupted:
            self.path.unlink(missing_ok=True)

    def _others(self) -> list[Callback]:
        """Return those that have something to remember; how a run is shown may be another when it goes on."""
        return [
            callback
            for callback in self.model.callbacks
            if callback is not self and type(callback).state is not Callback.state
        ]
