"""Continuing an interrupted run."""

from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback
from training.keras.saving.model_file import optimizer_state, restore_optimizer
from training.keras.saving.state_file import read_state, write_state


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
        self._state = self.model.state
        # Those that have a state; the progress shown may differ when resumed.
        self._others = [c for c in self._state.callbacks if c.resumed or type(c).state is not Callback.state]
        if not self.path.exists():
            return
        saved = read_state(self.path)
        if saved.get("format") != self.FORMAT:
            raise TrainingError(f"{self.path} was written by another version of npserve: remove it to begin anew")
        if len(saved.get("callbacks", ())) != len(self._others):
            raise TrainingError(f"{self.path} belongs to a run with other callbacks: remove it to begin anew")
        restore_optimizer(self.model.compiled_model, saved["training"], self.path)
        for callback, state in zip(self._others, saved["callbacks"], strict=True):
            callback.restore(state)
        self._state.epoch, self._state.stop = saved["next_epoch"], saved["stop_training"]
        self._state.remaining_rows = saved["remaining"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the backup: the hooks of all other callbacks have run already."""
        state = {
            "format": self.FORMAT,
            "next_epoch": self._state.epoch,
            "stop_training": self._state.stop,
            "remaining": self._state.remaining_rows,
            "training": optimizer_state(self.model.compiled_model),
            "callbacks": [callback.state() for callback in self._others],
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.path.parent} can't be made: {error.strerror or error}") from error
        write_state(self.path, state)

    def on_train_end(self, logs: Any = None) -> None:
        """Remove the backup of a run that is complete."""
        if self.delete_checkpoint and not self._state.interrupted:
            self.path.unlink(missing_ok=True)
