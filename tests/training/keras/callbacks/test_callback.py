import warnings
from typing import Any

import pytest

from tests.helpers.keras_runs import X, Y, one_layer
from training import TrainingError
from training.keras.callbacks import (
    EarlyStopping,
    ModelCheckpoint,
    ReduceLROnPlateau,
)


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau, lambda mode: ModelCheckpoint("m.npz", mode=mode)])
def test_modes_are_known(kind: Any) -> None:
    with pytest.raises(TrainingError, match="mode must be auto, min or max, got 'bogus'"):
        kind(mode="bogus")


def test_a_monitored_metric_that_does_not_exist() -> None:
    for callback in (
        EarlyStopping("val_loss"),
        ReduceLROnPlateau("val_loss"),
        ModelCheckpoint("x.npz", save_best_only=True),
    ):
        with pytest.warns(UserWarning, match="val_loss"):
            one_layer().fit(X, Y, callbacks=[callback], verbose=0)


def test_the_direction_follows_from_the_metric() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stopping = EarlyStopping("val_accuracy", patience=9)
        one_layer().fit(X, Y, callbacks=[stopping], validation_data=(X, Y), verbose=0)
    assert stopping.direction == "max"
