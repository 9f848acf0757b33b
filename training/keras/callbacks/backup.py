"""The callback that resumes an interrupted run."""

from pathlib import Path
from typing import Any

from training.errors import TrainingError
from training.keras.callbacks.callback import Callback
from training.keras.saving.archive import read_archive, write_archive
from training.keras.saving.model_file import get_checkpoint, restore_checkpoint


class BackupAndRestore(Callback):
    """A callback that backs up and restores the training state.

    The backup is written at the end of each epoch, and removed when training completes. A script that is restarted
    resumes after the last completed epoch, and its result is bit-identical to that of an uninterrupted run: weights,
    optimizer variables, random generators and the state of the other callbacks are all restored.

    Args:
        backup_dir: Path of the directory for the backup.
        delete_checkpoint: Whether to remove the backup when training completes.
    """

    FORMAT = 2  # of the file; increase it when the content changes

    def __init__(self, backup_dir: str | Path, delete_checkpoint: bool = True) -> None:
        self.path, self.delete_checkpoint = Path(backup_dir) / "backup.npz", delete_checkpoint

    def on_train_begin(self, logs: Any = None) -> None:
        """Restore model and callbacks from the backup. This hook runs after those of all other callbacks."""
        self._fit_state = self.model.fit_state
        # Only callbacks with state count: a resumed run may show its progress differently.
        self._stateful = [c for c in self._fit_state.callbacks if _is_stateful(c)]
        if not self.path.exists():
            return
        saved = read_archive(self.path)
        if saved.get("format") != self.FORMAT:
            raise TrainingError(f"{self.path} was written by another version of npserve: remove it to start over")
        if len(saved.get("callbacks", ())) != len(self._stateful):
            raise TrainingError(f"{self.path} belongs to a run with different callbacks: remove it to start over")
        restore_checkpoint(self.model.compiled_model, saved["training"], self.path)
        for callback, state in zip(self._stateful, saved["callbacks"], strict=True):
            callback.set_state(state)
        self._fit_state.epoch, self._fit_state.stop = saved["next_epoch"], saved["stop_training"]
        self._fit_state.remaining_rows = saved["remaining"]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write the backup. This hook runs after those of all other callbacks."""
        content = {
            "format": self.FORMAT,
            "next_epoch": self._fit_state.epoch,
            "stop_training": self._fit_state.stop,
            "remaining": self._fit_state.remaining_rows,
            "training": get_checkpoint(self.model.compiled_model),
            "callbacks": [callback.get_state() for callback in self._stateful],
        }
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{self.path.parent} can't be created: {error.strerror or error}") from error
        write_archive(self.path, content)

    def on_train_end(self, logs: Any = None) -> None:
        """Remove the backup of a completed run."""
        if self.delete_checkpoint and not self._fit_state.interrupted:
            self.path.unlink(missing_ok=True)


def _is_stateful(callback: Callback) -> bool:
    return bool(callback.state_attributes) or type(callback).get_state is not Callback.get_state
