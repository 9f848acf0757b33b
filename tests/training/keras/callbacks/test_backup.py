"""Interrupted runs that resume from a backup."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import TrainingError
from training.keras import Sequential
from training.keras.callbacks import BackupAndRestore, Callback, EarlyStopping
from training.keras.layers import Dense, Dropout

LOSS = "sparse_categorical_crossentropy"

X, Y = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32), np.arange(200) % 3


class Crash(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == self.epoch:
            raise RuntimeError("the power failed")


SCRIPT = """
import sys
import numpy as np
from pathlib import Path
from training.keras import Sequential
from training.keras.callbacks import BackupAndRestore, EarlyStopping, LambdaCallback
from training.keras.layers import BatchNormalization, Dense, Dropout
from training.keras.utils import set_random_seed

folder, epochs = Path(sys.argv[1]), 60
rng = np.random.default_rng(1)
x, y = rng.normal(size=(512, 20)).astype(np.float32), rng.integers(0, 3, 512)
set_random_seed(7)
model = Sequential([Dense(32, "relu"), BatchNormalization(), Dropout(0.4), Dense(3, "softmax")])
model.compile("adam", "sparse_categorical_crossentropy", ["accuracy"])
log = (folder / "log.txt").open("a")
log_epoch = LambdaCallback(on_epoch_begin=lambda epoch, logs: print(epoch, file=log, flush=True))
stopping = EarlyStopping(patience=50, restore_best_weights=True)
history = model.fit(x, y, epochs=epochs, batch_size=16, validation_split=0.2, verbose=0,
                    callbacks=[log_epoch, stopping, BackupAndRestore(folder / "backup", delete_checkpoint=False)])
np.savez(folder / "result.npz", **{str(i): w for i, w in enumerate(model.get_weights())},
         loss=history.history["loss"], val_loss=history.history["val_loss"], epoch=history.epoch)
"""


def _run(folder: Path, kill_after: float | None = None) -> bool:
    """Run the script, and kill it after `kill_after` seconds; return whether it completed."""
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder)])
    try:
        process.wait(kill_after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return False
    assert process.returncode == 0
    return True


@pytest.mark.slow
def test_a_run_killed_at_any_time_resumes_bit_identically(tmp_path: Path, rng: np.random.Generator) -> None:
    began = time.monotonic()
    assert _run(tmp_path / "whole")
    seconds = time.monotonic() - began
    whole = np.load(tmp_path / "whole/result.npz")
    kills, runs = 0, 0
    while kills < 20:
        folder = tmp_path / f"killed{runs}"
        runs += 1
        while not _run(folder, rng.uniform(0.6, 1.0) * seconds):
            kills += 1
        result = np.load(folder / "result.npz")
        for name in whole.files:
            np.testing.assert_array_equal(result[name], whole[name], err_msg=name)
        began_epochs = (folder / "log.txt").read_text().split()
        repeated = len(began_epochs) - len(set(began_epochs))
        assert repeated <= kills
    assert kills >= 20


@pytest.mark.parametrize("steps", [None, 5])
def test_a_crashed_run_resumes(steps: int | None, tmp_path: Path) -> None:
    def run(*extra: Callback) -> Any:
        np.random.default_rng(0)
        model = Sequential([Dense(8, "relu"), Dropout(0.5), Dense(3, "softmax")])
        model.compile("adam", LOSS, ["accuracy"])
        model.stack.rng = np.random.Generator(np.random.SFC64(3))
        stopping = EarlyStopping("loss", patience=9, restore_best_weights=True)
        callbacks = [stopping, *extra, BackupAndRestore(tmp_path)]
        history = model.fit(X, Y, epochs=6, steps_per_epoch=steps, verbose=0, callbacks=callbacks)
        return model.get_weights(), history.history, history.epoch

    expected = run(Crash(99))
    with pytest.raises(RuntimeError, match="the power failed"):
        run(Crash(4))
    assert (tmp_path / "backup.npz").exists()
    weights, history, epochs = run(Crash(99))
    for one, other in zip(weights, expected[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert (history, epochs) == expected[1:]
    assert not (tmp_path / "backup.npz").exists()


def test_a_complete_run_is_not_continued(tmp_path: Path) -> None:
    def run() -> Any:
        model = _small()
        stopping = EarlyStopping("loss", patience=1, min_delta=10, restore_best_weights=True)
        history = model.fit(
            X, Y, epochs=9, verbose=0, callbacks=[stopping, BackupAndRestore(tmp_path, delete_checkpoint=False)]
        )
        return model.stack.parameters.values, history.epoch

    weights, epochs = run()
    assert epochs == [0, 1]
    again, same = run()
    np.testing.assert_array_equal(again, weights)
    assert same == epochs


def test_backups_that_cannot_be_restored_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        _small().fit(X, Y, epochs=3, verbose=0, callbacks=[Crash(1), BackupAndRestore(tmp_path)])
    with pytest.raises(TrainingError, match="belongs to a run with different callbacks"):
        _small().fit(X, Y, epochs=3, verbose=0, callbacks=[EarlyStopping("loss"), BackupAndRestore(tmp_path)])
    with pytest.raises(TrainingError, match=r"Cannot set the weights of .sequential.: expected shape \(4, 5\)"):
        _small(5).fit(X, Y, epochs=3, verbose=0, callbacks=[Crash(9), BackupAndRestore(tmp_path)])
    (tmp_path / "backup.npz").write_bytes(b"PK damaged")
    with pytest.raises(TrainingError, match=r"backup\.npz is damaged"):
        _small().fit(X, Y, epochs=3, verbose=0, callbacks=[Crash(9), BackupAndRestore(tmp_path)])


def _small(units: int = 3) -> Sequential:
    model = Sequential([Dense(units, "softmax")])
    model.compile("adam", LOSS)
    return model
