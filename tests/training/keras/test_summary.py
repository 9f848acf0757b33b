import re

import numpy as np
import pytest

from tests.helpers.keras_models import LOSS
from training.keras import Sequential
from training.keras.layers import BatchNormalization, Dense


def test_summary_counts_the_parameters_as_in_keras(
    capsys: pytest.CaptureFixture[str], rng: np.random.Generator
) -> None:
    model = Sequential([Dense(64, "relu", name="hidden"), BatchNormalization(name="norm"), Dense(10, name="out")])
    model.summary()
    assert "0 (unbuilt)" in capsys.readouterr().out
    model.compile("adam", LOSS)
    model.build((None, 784))
    model.summary()
    printed = capsys.readouterr().out
    assert re.search(r"hidden \(Dense\) +│ \(None, 64\) +│ +50,240 │", printed)
    assert re.search(r"norm \(BatchNormalization\) +│ \(None, 64\) +│ +256 │", printed)
    assert " Total params: 51,146 (199.79 KB)" in printed
    assert " Trainable params: 51,018 (199.29 KB)" in printed
    assert " Non-trainable params: 128 (512.00 B)" in printed
    model.fit(rng.normal(size=(10, 784)), np.zeros(10), verbose=0)
    model.summary()
    assert " Optimizer params: 102,038 (398.59 KB)" in capsys.readouterr().out
