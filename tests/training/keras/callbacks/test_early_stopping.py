import re
from typing import Any

import numpy as np
import pytest

from tests.helpers.keras_runs import Scripted, X, Y, one_layer
from training.keras.callbacks import (
    EarlyStopping,
    LambdaCallback,
    TerminateOnNaN,
)
from training.keras.optimizers import SGD


@pytest.mark.parametrize(
    ("values", "options", "epochs", "best"),
    [
        ((3, 2, 2, 2, 1), {"patience": 2, "mode": "min"}, 4, 1),
        ((3, 2, 2.5, 1, 1.5, 1.5), {"patience": 2, "mode": "min"}, 6, 3),
        ((3, 2, 2, 2, 1), {"mode": "min"}, 3, 1),
        ((1, 2, 2.05, 2.05, 9), {"patience": 2, "min_delta": 0.1, "mode": "max"}, 4, 1),
        ((5, 4, 4, 1), {"patience": 1, "mode": "min", "baseline": 1}, 3, 1),
        ((5, 6, 7, 8, 9), {"patience": 1, "mode": "min", "start_from_epoch": 2}, 4, 2),
    ],
)
def test_early_stopping_stops_after_patience_epochs_without_improvement(
    values: tuple[float, ...], options: Any, epochs: int, best: int
) -> None:
    weights: list[Any] = []
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(stopping.model.get_weights()))
    stopping = EarlyStopping("score", restore_best_weights=True, **options)
    model = one_layer()
    history = model.fit(X, Y, epochs=len(values), callbacks=[Scripted(*values), keep, stopping], verbose=0)
    assert len(history.epoch) == epochs
    assert stopping.best_epoch == best
    np.testing.assert_array_equal(model.get_weights()[0], weights[best][0])


def test_early_stopping_prints_messages(capsys: pytest.CaptureFixture[str]) -> None:
    stopping = EarlyStopping("score", mode="max", verbose=1, restore_best_weights=True)
    one_layer().fit(X, Y, epochs=9, callbacks=[Scripted(2, 3, 1), stopping], verbose=0)
    printed = capsys.readouterr().out
    assert "Epoch 3: early stopping" in printed
    assert "Restoring model weights from the end of the best epoch: 2." in printed


def test_terminate_on_nan_stops_at_the_first_invalid_loss(capsys: pytest.CaptureFixture[str]) -> None:
    model = one_layer(SGD(1e30))
    history = model.fit(X * 1e20, Y, epochs=5, batch_size=8, callbacks=[TerminateOnNaN()], verbose=0)
    assert re.search(r"Batch \d: Invalid loss, terminating training", capsys.readouterr().out)
    assert history.epoch == [0]
