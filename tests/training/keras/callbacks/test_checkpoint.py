from pathlib import Path

import numpy as np
import pytest

from tests.helpers.keras_runs import Scripted, X, Y, one_layer
from training import TrainingError
from training.keras import models
from training.keras.callbacks import (
    ModelCheckpoint,
)


def test_model_checkpoint_saves_every_epoch_or_only_the_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    every = ModelCheckpoint(tmp_path / "{epoch:02d}-{score:.1f}.npz")
    best = ModelCheckpoint(tmp_path / "best.npz", "score", save_best_only=True, mode="min", verbose=1)
    weights = ModelCheckpoint(tmp_path / "weights.npz", save_weights_only=True, save_freq=3)
    model = one_layer()
    model.fit(X, Y, epochs=3, batch_size=20, callbacks=[Scripted(2, 1, 3), every, best, weights], verbose=0)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["01-2.0.npz", "02-1.0.npz", "03-3.0.npz", "best.npz", "weights.npz"]
    second = models.load_model(tmp_path / "02-1.0.npz").get_weights()[0]
    np.testing.assert_array_equal(models.load_model(tmp_path / "best.npz").get_weights()[0], second)
    printed = capsys.readouterr().out
    assert "Epoch 2: score improved from 2.00000 to 1.00000, saving model to" in printed
    assert "Epoch 3: score did not improve from 1.00000" in printed
    with pytest.raises(TrainingError, match=r"Expected a `\.npz` file, such as model\.npz\. Received: filepath="):
        model.fit(X, Y, callbacks=[ModelCheckpoint(tmp_path / "model.h5")], verbose=0)
    with pytest.raises(TrainingError, match=r"Unknown name 'val_loss'\. Expected one of: epoch, accuracy, loss"):
        model.fit(X, Y, callbacks=[ModelCheckpoint(tmp_path / "{val_loss}.npz")], verbose=0)
    with pytest.raises(TrainingError, match="Unrecognized save_freq"):
        ModelCheckpoint("x.npz", save_freq="week")


def test_a_wrong_filepath_is_refused_before_the_first_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TrainingError, match=r"Expected a `\.npz` file"):
        ModelCheckpoint(tmp_path / "best.keras")
    with pytest.raises(TrainingError, match="only known with an integer `save_freq`"):
        ModelCheckpoint("{batch}.npz")
    known = r"Expected one of: epoch, accuracy, loss, val_accuracy, val_loss"
    with pytest.raises(TrainingError, match=f"Unknown name 'val_acc'. {known}"):
        one_layer().fit(X, Y, validation_data=(X, Y), callbacks=[ModelCheckpoint("{val_acc}.npz")])
    assert "Epoch" not in capsys.readouterr().out


def test_the_folder_is_created_and_the_batch_is_a_name(tmp_path: Path) -> None:
    checkpoint = ModelCheckpoint(tmp_path / "new/folder/{epoch}-{batch}.npz", save_freq=2)
    one_layer().fit(X, Y, batch_size=-(-len(X) // 4), epochs=2, callbacks=[checkpoint], verbose=0)
    names = sorted(path.name for path in (tmp_path / "new/folder").iterdir())
    assert names == ["1-2.npz", "1-4.npz", "2-2.npz", "2-4.npz"]
