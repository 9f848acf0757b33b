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
def test_unknown_modes_are_rejected(kind: Any) -> None:
    with pytest.raises(
        TrainingError, match=r"argument `mode`\. Expected one of 'auto', 'min', 'max'\. Received: mode='bogus'"
    ):
        kind(mode="bogus")


def test_an_unavailable_metric_causes_a_warning() -> None:
    for callback in (
        EarlyStopping("val_loss"),
        ReduceLROnPlateau("val_loss"),
        ModelCheckpoint("x.npz", save_best_only=True),
    ):
        with pytest.warns(UserWarning, match="val_loss"):
            one_layer().fit(X, Y, callbacks=[callback], verbose=0)


def test_mode_auto_uses_the_direction_of_the_metric() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stopping = EarlyStopping("val_accuracy", patience=9)
        one_layer().fit(X, Y, callbacks=[stopping], validation_data=(X, Y), verbose=0)
    assert stopping.direction == "max"
