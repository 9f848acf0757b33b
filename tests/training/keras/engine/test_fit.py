"""Weights while a run goes on: those of inputs that are always zero, and those that callbacks see and set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.keras import Sequential, models
from training.keras.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint
from training.keras.layers import Dense, Dropout
from training.keras.optimizers import SGD, Adam
from training.keras.utils import set_random_seed

LOSS = "sparse_categorical_crossentropy"
DEAD = [0, 3, 4, 11]
Data = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    x = rng.normal(size=(96, 12)).astype(np.float32)
    x[:, DEAD] = 0
    return x, rng.integers(0, 3, 96)


def _model(optimizer: Any = "adam") -> Sequential:
    set_random_seed(3)
    model = Sequential([Dense(8, "relu"), Dropout(0.2), Dense(3, "softmax")])
    model.compile(optimizer, LOSS, ["accuracy"])
    model.build((None, 12))
    return model


@pytest.mark.parametrize("optimizer", [Adam, SGD, lambda: SGD(0.1, momentum=0.9), lambda: Adam(clipnorm=0.1)])
def test_weights_of_inputs_that_are_always_zero_keep_their_bits(data: Data, optimizer: Any) -> None:
    model = _model(optimizer())
    before = model.get_weights()[0]
    model.fit(data[0], data[1], epochs=2, verbose=0)
    after = model.get_weights()[0]
    np.testing.assert_array_equal(after[DEAD], before[DEAD])
    assert (np.delete(after, DEAD, 0) != np.delete(before, DEAD, 0)).any(axis=1).all()


def test_callbacks_see_the_weights_of_their_epoch(data: Data, tmp_path: Path) -> None:
    model = _model()
    seen: list[Any] = []
    look = LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append((model.get_weights(), model.predict(data[0], verbose=0)))
    )
    callbacks = [
        look,
        ModelCheckpoint(tmp_path / "{epoch}.npz"),
        EarlyStopping("loss", patience=3, restore_best_weights=True),
    ]
    model.fit(data[0], data[1], epochs=3, verbose=0, callbacks=callbacks)
    for number, (weights, outputs) in enumerate(seen):
        assert weights[0].shape == (12, 8)
        kept = models.load_model(tmp_path / f"{number + 1}.npz")
        assert kept.optimizer.slots[0].shape == kept.stack.parameters.values.shape
        np.testing.assert_array_equal(kept.get_weights()[0], weights[0])
        np.testing.assert_array_equal(kept.predict(data[0], verbose=0), outputs)
    assert model.history
    best = int(np.argmin(model.history.history["loss"]))
    np.testing.assert_array_equal(model.predict(data[0], verbose=0), seen[best][1])


def test_weights_set_at_the_end_of_a_run_stay(data: Data) -> None:
    model = _model()
    ones = [np.ones_like(weights) for weights in model.get_weights()]
    model.fit(
        data[0], data[1], verbose=0, callbacks=[LambdaCallback(on_train_end=lambda logs: model.set_weights(ones))]
    )
    for weights in model.get_weights():
        np.testing.assert_array_equal(weights, 1)


def test_a_model_whose_run_failed_can_be_trained(data: Data) -> None:
    def fail(epoch: int, logs: Any) -> None:
        raise RuntimeError("the power failed")

    model = _model()
    with pytest.raises(RuntimeError, match="power"):
        model.fit(data[0], data[1], verbose=0, callbacks=[LambdaCallback(on_epoch_end=fail)])
    assert model.stack.parameters.tensors[0].values.shape == (12, 8)
    model.fit(data[0], data[1], verbose=0)
