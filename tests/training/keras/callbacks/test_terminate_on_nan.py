import re

import pytest

from tests.helpers.keras_runs import X, Y, one_layer
from training.keras.callbacks import (
    TerminateOnNaN,
)
from training.keras.optimizers import SGD


def test_terminate_on_nan(capsys: pytest.CaptureFixture[str]) -> None:
    model = one_layer(SGD(1e30))
    history = model.fit(X * 1e20, Y, epochs=5, batch_size=8, callbacks=[TerminateOnNaN()], verbose=0)
    assert re.search(r"Batch \d: Invalid loss, terminating training", capsys.readouterr().out)
    assert history.epoch == [0]
