"""Continuing an interrupted run."""

from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback
from training.keras.saving.state_file import read_state, write_state
from training.keras.saving.training_state import restore_training, training_state


class BackupAndRestore(Callback):
    """Keep the state of the run in `backup_dir`: written after each epoch, removed at the end.

    The same script started again continues after the last complete epoch, and ends bit-identical to a run that was
    never interrupted: weights, optimizer, random generators and the other callbacks are all restored.
    """

    FORMAT = 2  # of the file; increase it when the content changes

    def __init__(self, backup_dir: str | Path, delete_checkpoint: bool = True) -> None:
        self.path, self.delete_checkpoint = Path(backup_dir) / "backup.npz", delete_checkpoint

    def on_train_begin(self, logs: Any = None) -> None:
        """Restore model and callbacks from a backup: the hooks of all other callbacks have run already."""
        if not self.path.exists():
            return
        state = read_state(self.path)
        if state.get("format") != self.FORMAT:
            raise TrainingError(f"{self.path} was written by another version of npserve: remove it to begin anew")
        others = self._others()
        if len(state.get("callbacks", ())) != len(others):
            raise TrainingError(f"{self.path} belongs to a run with other callbacks: remove it to begin anew")
        restore_training(self.model, state["training"], self.path)
        for callback, saved in zip(others, state["callbacks"], strict=True):
            callback.restore(saved)
        self.model.next_epoch, self.model.stop_training = state["next_epoch"], state["stop_training"]
        self.model.remaining_rows = state["remaining"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the backup: the hooks of all other callbacks have run already."""
        state = {
            "format": self.FORMAT,
            "next_epoch": self.model.next_epoch,
            "stop_training": self.model.stop_training,
            "remaining": self.model.remaining_rows,
            "training": training_state(self.model),
            "callbacks": [callback.state() for callback in self._others()],
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.path.parent} can't be made: {error.strerror or error}") from error
        write_state(self.path, state)

    def on_train_end(self, logs: Any = None) -> None:
        """Remove the backup of a run that is complete."""
        if self.delete_checkpoint and not self.model.interrupted:
            self.path.unlink(missing_ok=True)

    def _others(self) -> list[Callback]:
        """Return the other callbacks that have a state; the progress shown may differ when a run continues."""
        return [
            callback
            for callback in self.model.callbacks
            if callback is not self and type(callback).state is not Callback.state
        ]
