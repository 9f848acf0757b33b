"""The callbacks that record the logs of each epoch: in memory or in a CSV file."""

import csv
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback


class History(Callback):
    """A callback that records the logs of each epoch; `fit` applies it automatically and returns it.

    `epoch` lists the epochs, and `history` maps the loss and each metric to its values in these epochs.
    """

    state_attributes = ("epoch", "history")

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)


class CSVLogger(Callback):
    """A callback that streams epoch results to a CSV file; in epochs without validation, its metrics are "NA".

    Args:
        filename: Path of the CSV file.
        separator: String that separates the elements of a line.
        append: Whether to append to an existing file instead of overwriting it.
    """

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False) -> None:
        self.path, self.separator, self.append = Path(filename), separator, append

    def on_train_begin(self, logs: Any = None) -> None:
        """Empty the file, or read its header if lines are to be appended."""
        try:
            self._columns = self._header() if self.append and self.path.exists() else []
            if not self.append:
                self.path.write_text("")
        except OSError as error:
            raise self._write_error(error) from error

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write a line. The file is closed after each one, so that a crash loses none."""
        lines = []
        if not self._columns:
            # Include the validation metrics, which may first appear in a later epoch.
            names = self.model.compiled_model.directions if self.params["do_validation"] else []
            self._columns = ["epoch", *logs, *sorted({f"val_{name}" for name in names} - set(logs))]
            lines.append(self._columns)
        values = {"epoch": epoch, **logs}
        lines.append([values.get(name, "NA") for name in self._columns])
        try:
            with self.path.open("a", newline="") as file:
                csv.writer(file, delimiter=self.separator).writerows(lines)
        except OSError as error:
            raise self._write_error(error) from error

    def _header(self) -> list[str]:
        with self.path.open(newline="") as file:
            return next(csv.reader(file, delimiter=self.separator), [])

    def _write_error(self, error: OSError) -> TrainingError:
        return TrainingError(f"{self.path} can't be written: {error.strerror or error}")
