from typing import Any

import numpy as np
import pytest

from tests.helpers.keras_models import LOSS, blobs, compiled_model
from training import TrainingError
from training.keras import Sequential
from training.keras.layers import Dense
from training.keras.utils import set_random_seed


def test_validation_split_selects_the_last_samples(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 100)
    results = []
    for data, options in (
        ((x, y), {"validation_split": 0.25}),
        ((x[:75], y[:75]), {"validation_data": (x[75:], y[75:])}),
    ):
        set_random_seed(0)
        model = compiled_model()
        results.append(model.fit(*data, epochs=2, verbose=0, **options).history)
    assert results[0] == results[1]
    assert list(results[0]) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    with pytest.raises(TrainingError, match="contains 1 samples, which is not sufficient to split it"):
        model.fit(x[:1], y[:1], validation_split=0.5)
    with pytest.raises(TrainingError, match=r"argument `validation_split`\. Expected a number in the range \[0, 1\)"):
        model.fit(x, y, validation_split=1.5)
    with pytest.warns(UserWarning, match="`y` is sorted: shuffle `x` and `y` before `fit"):
        model.fit(x, np.sort(y), validation_split=0.25, verbose=0)


def test_steps_per_epoch_and_validation_freq(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = compiled_model()
    history = model.fit(x, y, steps_per_epoch=5, epochs=4, validation_data=(x, y), validation_freq=2, verbose=0)
    assert model.optimizer.iterations == 20
    assert len(history.history["val_loss"]) == 2


def _rows_touched(epochs: int, steps: int) -> tuple[list[int], int]:
    """Train on one-hot rows: each row of the kernel changes when its sample has been seen."""
    model = Sequential([Dense(3, "softmax")])
    model.compile("sgd", LOSS)
    model.build((None, 8))
    before = model.get_weights()[0]
    x, y = np.eye(8), np.arange(8) % 3
    model.fit(x, y, batch_size=2, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0)
    moved = (model.get_weights()[0] != before).any(axis=1)
    return np.flatnonzero(moved).tolist(), model.optimizer.iterations


def test_an_epoch_continues_with_the_remaining_samples() -> None:
    # As in Keras, which also ends an epoch at the end of the data.
    assert _rows_touched(epochs=1, steps=2) == ([0, 1, 2, 3], 2)
    assert _rows_touched(epochs=2, steps=2) == (list(range(8)), 4)
    assert _rows_touched(epochs=2, steps=3) == (list(range(8)), 4)
    assert _rows_touched(epochs=3, steps=3) == (list(range(8)), 7)
    with pytest.warns(UserWarning, match="`steps_per_epoch=7` exceeds the 4 batches of size 2 in 8 samples"):
        assert _rows_touched(epochs=2, steps=7) == (list(range(8)), 8)


@pytest.mark.parametrize("name", ["batch_size", "steps_per_epoch", "validation_freq", "validation_steps"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_counts_must_be_positive_integers(name: str, value: Any, rng: np.random.Generator) -> None:
    x, y = blobs(rng, 40)
    with pytest.raises(TrainingError, match=f"`{name}`. Expected a positive integer. Received: {name}={value}"):
        compiled_model().fit(x, y, validation_data=(x, y), verbose=0, **{name: value})


def test_validation_steps_and_batch_size(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 40)
    model, weights = compiled_model(), rng.uniform(size=40)
    data = (x, y, weights)
    history = model.fit(x, y, validation_data=data, validation_batch_size=3, validation_steps=2, verbose=0).history
    expected = model.evaluate(x[:6], y[:6], sample_weight=weights[:6], verbose=0, return_dict=True)
    assert {name: history[f"val_{name}"][0] for name in ("loss", "accuracy")} == expected
    with pytest.raises(TrainingError, match=r"`validation_data` must be a tuple \(x, y\) or \(x, y, sample_weight\)"):
        model.fit(x, y, validation_data=(x,), verbose=0)
