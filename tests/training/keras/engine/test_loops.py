"""The training, evaluation and prediction loops: weights of constant inputs, and weights that callbacks read or set."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.keras_models import blobs, compiled_model
from training.keras import Sequential, models
from training.keras.callbacks import EarlyStopping, LambdaCallback, ModelCheckpoint
from training.keras.layers import Dense, Dropout
from training.keras.losses import SparseCategoricalCrossentropy
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
def test_weights_of_inputs_that_are_always_zero_do_not_change(data: Data, optimizer: Any) -> None:
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


def test_weights_set_in_on_train_end_are_kept(data: Data) -> None:
    model = _model()
    ones = [np.ones_like(weights) for weights in model.get_weights()]
    model.fit(
        data[0], data[1], verbose=0, callbacks=[LambdaCallback(on_train_end=lambda logs: model.set_weights(ones))]
    )
    for weights in model.get_weights():
        np.testing.assert_array_equal(weights, 1)


def test_a_model_can_be_trained_after_a_failed_run(data: Data) -> None:
    def fail(epoch: int, logs: Any) -> None:
        raise RuntimeError("the power failed")

    model = _model()
    with pytest.raises(RuntimeError, match="power"):
        model.fit(data[0], data[1], verbose=0, callbacks=[LambdaCallback(on_epoch_end=fail)])
    assert model.stack.parameters.tensors[0].values.shape == (12, 8)
    model.fit(data[0], data[1], verbose=0)


def test_the_evaluated_loss_matches_the_predicted_probabilities(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = compiled_model()
    model.fit(x, y, verbose=0)
    right = model.predict(x)[np.arange(len(y)), y]
    loss, accuracy = np.asarray(model.evaluate(x, y))
    assert loss == pytest.approx(-np.log(right).mean(), rel=1e-4)
    assert accuracy == np.mean(model.predict(x).argmax(axis=1) == y)


def test_evaluate_prints_its_logs_unless_verbose_is_0(
    rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = blobs(rng)
    model = compiled_model()
    model.fit(x, y, verbose=0)
    loss, accuracy = np.asarray(model.evaluate(x, y, batch_size=32))
    assert capsys.readouterr().out == f"accuracy: {accuracy:.4f} - loss: {loss:.4f}\n"
    model.evaluate(x, y, verbose=0)
    model.predict(x, batch_size=8, verbose=1)
    assert capsys.readouterr().out == ""


def test_without_metrics_evaluate_returns_only_the_loss(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = Sequential([Dense(3)])
    model.compile("sgd", SparseCategoricalCrossentropy(from_logits=True))
    assert isinstance(model.evaluate(x, y), float)
