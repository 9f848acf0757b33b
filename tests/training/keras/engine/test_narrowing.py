"""Inputs that are always zero are left out of the products, and nobody can tell."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training.keras import Sequential, models, regularizers
from training.keras.callbacks import Callback, EarlyStopping, LambdaCallback, ModelCheckpoint
from training.keras.layers import Dense, Dropout, Normalization, Rescaling
from training.keras.optimizers import SGD, Adam, AdamW
from training.keras.utils import set_random_seed

LOSS = "sparse_categorical_crossentropy"
DEAD = [0, 3, 4, 11]
Data = tuple[np.ndarray, np.ndarray]


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    x = rng.normal(size=(96, 12)).astype(np.float32)
    x[:, DEAD] = 0
    return x, rng.integers(0, 3, 96)


def _model(optimizer: Any = "adam", first: Any = None, **options: Any) -> Sequential:
    set_random_seed(3)
    before = [first] if first else []
    model = Sequential([*before, Dense(8, "relu", **options), Dropout(0.2), Dense(3, "softmax")])
    model.compile(optimizer, LOSS, ["accuracy"])
    model.build((None, 12))
    return model


def _width_in_training(model: Sequential, data: Data, epochs: int = 1, callbacks: Sequence[Callback] = ()) -> int:
    widths = []
    look = LambdaCallback(on_train_batch_end=lambda batch, logs: widths.append(len(model.parameters.tensors[0].values)))
    model.fit(data[0], data[1], epochs=epochs, verbose=0, callbacks=[look, *callbacks])
    assert len(set(widths)) == 1
    return widths[0]


@pytest.mark.parametrize("optimizer", [Adam, SGD, lambda: SGD(0.1, momentum=0.9), lambda: Adam(clipnorm=0.1)])
@pytest.mark.parametrize("first", [None, Dropout(0.0), Rescaling(0.5)])
def test_the_weights_are_those_of_a_run_with_all_inputs(
    data: Data, optimizer: Any, first: Any, monkeypatch: Any
) -> None:
    narrow, full = _model(optimizer(), first), _model(optimizer(), first)
    assert _width_in_training(narrow, data, epochs=3) == 8
    monkeypatch.setattr("training.keras.engine.narrowing.MIN_ZERO_SHARE", 1)
    assert _width_in_training(full, data, epochs=3) == 12
    for one, other in zip(narrow.get_weights(), full.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    for one, other in zip(narrow.optimizer.slots, full.optimizer.slots, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_frozen_weights_keep_their_bits(data: Data) -> None:
    model = _model()
    before = model.get_weights()[0]
    model.fit(data[0], data[1], epochs=2, verbose=0)
    after = model.get_weights()[0]
    np.testing.assert_array_equal(after[DEAD], before[DEAD])
    assert (np.delete(after, DEAD, 0) != np.delete(before, DEAD, 0)).any(axis=1).all()


@pytest.mark.parametrize(
    "model",
    [
        lambda: _model(AdamW()),
        lambda: _model(kernel_regularizer=regularizers.l2(0.01)),
        lambda: _model(first=Normalization(mean=1.0, variance=1.0)),
        lambda: _model(first=Rescaling(1.0, offset=1.0)),
    ],
)
def test_what_moves_weights_without_a_gradient_keeps_all_of_them(data: Data, model: Any) -> None:
    assert _width_in_training(model(), data) == 12


def test_momentum_from_other_data_keeps_all_of_them(data: Data) -> None:
    model = _model()
    model.fit(data[0] + 1, data[1], verbose=0)
    assert _width_in_training(model, data) == 12


def test_callbacks_see_all_weights(data: Data, tmp_path: Path) -> None:
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
    assert _width_in_training(model, data, epochs=3, callbacks=callbacks) == 8
    for number, (weights, outputs) in enumerate(seen):
        assert weights[0].shape == (12, 8)
        kept = models.load_model(tmp_path / f"{number + 1}.npz")
        assert kept.optimizer.slots[0].shape == kept.parameters.values.shape
        np.testing.assert_array_equal(kept.get_weights()[0], weights[0])
        np.testing.assert_array_equal(kept.predict(data[0], verbose=0), outputs)
    assert model.history
    best = int(np.argmin(model.history.history["loss"]))
    np.testing.assert_array_equal(model.predict(data[0], verbose=0), seen[best][1])


def test_weights_set_while_training_count_for_frozen_inputs_too(data: Data) -> None:
    model = _model()
    ones = [np.ones_like(weights) for weights in model.get_weights()]
    model.fit(
        data[0], data[1], verbose=0, callbacks=[LambdaCallback(on_train_end=lambda logs: model.set_weights(ones))]
    )
    for weights in model.get_weights():
        np.testing.assert_array_equal(weights, 1)


def test_a_run_that_fails_is_widened_again(data: Data) -> None:
    def fail(epoch: int, logs: Any) -> None:
        raise RuntimeError("the power failed")

    model = _model()
    with pytest.raises(RuntimeError, match="power"):
        model.fit(data[0], data[1], verbose=0, callbacks=[LambdaCallback(on_epoch_end=fail)])
    assert model.parameters.tensors[0].values.shape == (12, 8)
    model.fit(data[0], data[1], verbose=0)
