"""The logs of a run as a CSV file."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.training_state import TrainingState


class CSVLogger(Callback):
    """Write the logs of each epoch as a line of a CSV file, with NA where an epoch was not validated."""

    def __init__(self, filename: str | Path, separator: str = ",", append: bool = False) -> None:
        self.path, self.separator, self.append = Path(filename), separator, append

    def set_training(self, model: CompiledModel, state: TrainingState, callbacks: Sequence[Callback]) -> None:
        """Take the names of the metrics."""
        self._metric_names = list(model.metric_directions())

    def on_train_begin(self, logs: Any = None) -> None:
        """Empty the file, or read its header where lines are appended."""
        try:
            self._columns = self._header() if self.append and self.path.exists() else []
            if not self.append:
                self.path.write_text("")
        except OSError as error:
            raise self._write_error(error) from error

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write a line, which stays in the file if the run crashes."""
        lines = []
        if not self._columns:
            lines.append(self._choose_columns(logs))
        values = {"epoch": epoch, **logs}
        lines.append([values.get(name, "NA") for name in self._columns])
        try:
            with self.path.open("a", newline="") as file:
                csv.writer(file, delimiter=self.separator).writerows(lines)
        except OSError as error:
            raise self._write_error(error) from error

    def _choose_columns(self, logs: Any) -> list[str]:
        """Choose the columns, including those of a validation that comes in a later epoch."""
        names = ["loss", *self._metric_names] if self.params["do_validation"] else []
        self._columns = ["epoch", *logs, *sorted({f"val_{name}" for name in names} - set(logs))]
        return self._columns

    def _header(self) -> list[str]:
        with self.path.open(newline="") as file:
            return next(csv.reader(file, delimiter=self.separator), [])

    def _write_error(self, error: OSError) -> TrainingError:
        return TrainingError(f"{self.path} can't be written: {error.strerror or error}")
