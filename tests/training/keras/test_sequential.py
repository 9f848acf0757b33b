import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import TrainingError
from training import keras as tf_keras
from training.keras import Sequential
from training.keras.callbacks import Callback, Logs
from training.keras.fit import Rows
from training.keras.layers import Dense, Dropout
from training.keras.losses import SparseCategoricalCrossentropy
from training.keras.utils import set_random_seed

LOSS = "sparse_categorical_crossentropy"


def _blobs(rng: np.random.Generator, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    y = rng.integers(0, 3, rows)
    return np.eye(3)[y] @ rng.normal(scale=3, size=(3, 4)) + rng.normal(size=(rows, 4)), y


def _model(dropout: float = 0.2) -> Sequential:
    model = Sequential([Dense(16, activation="relu"), Dropout(dropout), Dense(3, activation="softmax")])
    model.compile(optimizer="adam", loss=LOSS, metrics=["accuracy"])
    return model


def test_two_blobs_are_learned(rng: np.random.Generator) -> None:
    x, y = _blobs(rng)
    model = _model()
    history = model.fit(x, y, epochs=30, verbose=0, validation_data=(x, y))
    assert history.epoch == list(range(30))
    losses = history.history["loss"]
    assert losses[-1] < losses[0] / 2
    final = [history.history["val_loss"][-1], history.history["val_accuracy"][-1]]
    np.testing.assert_allclose(np.asarray(model.evaluate(x, y)), final)
    assert model.evaluate(x, y, return_dict=True) == {"loss": final[0], "accuracy": final[1]}
    probabilities = model.predict(x)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(model.network().predict(x.astype(np.float32)), probabilities, atol=1e-6)


def test_the_loss_is_that_of_the_probabilities(rng: np.random.Generator) -> None:
    x, y = _blobs(rng)
    model = _model()
    model.fit(x, y, verbose=0)
    right = model.predict(x)[np.arange(len(y)), y]
    loss, accuracy = np.asarray(model.evaluate(x, y))
    assert loss == pytest.approx(-np.log(right).mean(), rel=1e-4)
    assert accuracy == np.mean(model.predict(x).argmax(axis=1) == y)


def test_without_metrics_evaluate_gives_the_loss_alone(rng: np.random.Generator) -> None:
    x, y = _blobs(rng)
    model = Sequential([Dense(3)])
    model.compile("sgd", SparseCategoricalCrossentropy(from_logits=True))
    assert isinstance(model.evaluate(x, y), float)


def test_every_epoch_is_a_permutation_of_the_rows(rng: np.random.Generator) -> None:
    rows = Rows(np.arange(100.0).reshape(100, 1), np.arange(100))
    batches = [Rows(batch.x.copy(), batch.y) for batch in rows.shuffled(32, rng.permutation(100))]
    assert [len(batch) for batch in batches] == [32, 32, 32, 4]
    seen = np.concatenate([batch.x[:, 0] for batch in batches])
    assert not np.array_equal(seen, np.arange(100))
    np.testing.assert_array_equal(np.sort(seen), np.arange(100))
    np.testing.assert_array_equal(np.concatenate([batch.y for batch in batches]), seen)


def test_the_same_seed_gives_the_same_bits(rng: np.random.Generator) -> None:
    x, y = _blobs(rng)
    weights = []
    for seed in (1, 1, 2):
        set_random_seed(seed)
        model = _model()
        model.fit(x, y, epochs=3, verbose=0)
        weights.append(model.parameters.values)
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_the_first_weights_are_glorot_uniform() -> None:
    dense = Dense(300)
    Sequential([dense]).build((None, 500))
    limit = np.sqrt(6 / 800)
    assert dense.kernel.min() == pytest.approx(-limit, rel=1e-3)
    assert dense.kernel.max() == pytest.approx(limit, rel=1e-3)
    assert dense.kernel.mean() == pytest.approx(0, abs=limit / 100)
    assert not dense.bias.any()


def test_fitting_goes_on_where_it_stopped_and_compile_begins_anew(rng: np.random.Generator) -> None:
    x, y = _blobs(rng, 64)
    model = _model()
    model.fit(x, y, epochs=2, verbose=0)
    assert model.optimizer.iterations == 4
    history = model.fit(x, y, epochs=3, initial_epoch=2, verbose=0)
    assert history.epoch == [2]
    assert model.optimizer.iterations == 6
    weights = model.parameters.values.copy()
    model.compile("sgd", LOSS)
    assert model.optimizer.iterations == 0
    np.testing.assert_array_equal(model.parameters.values, weights)


class Recorder(Callback):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_train_begin(self) -> None:
        self.events.append("begin")

    def on_epoch_begin(self, epoch: int) -> None:
        self.events.append(epoch)

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        self.events.append((batch, sorted(logs)))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.events.append(sorted(logs))

    def on_train_end(self) -> None:
        self.events.append("end")


def test_callbacks_are_told(rng: np.random.Generator) -> None:
    x, y = _blobs(rng, 40)
    recorder = Recorder()
    model = _model()
    model.fit(x, y, callbacks=[recorder], verbose=0, batch_size=32, validation_data=(x, y))
    names = ["accuracy", "loss"]
    assert recorder.events == [
        "begin",
        0,
        (0, names),
        (1, names),
        ["accuracy", "loss", "val_accuracy", "val_loss"],
        "end",
    ]
    assert recorder.model is model
    assert recorder.params == {"verbose": 0, "epochs": 1, "steps": 2}


def test_lines_where_there_is_no_terminal(rng: np.random.Generator, capsys: pytest.CaptureFixture[str]) -> None:
    x, y = _blobs(rng)
    _model().fit(x, y, epochs=3, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"Epoch 3/3 - \d+\.\ds - accuracy: 0\.\d{4} - loss: \d\.\d{4}", lines[2])
    _model().fit(x, y, epochs=50)
    assert len(capsys.readouterr().out.splitlines()) < 10
    _model().fit(x, y, epochs=3, verbose=0)
    assert capsys.readouterr().out == ""


def test_linear_outputs_are_published_as_softmax(rng: np.random.Generator, tmp_path: Path) -> None:
    x, y = _blobs(rng)
    model = Sequential([Dense(3)])
    model.compile("adam", SparseCategoricalCrossentropy(from_logits=True), ["acc"])
    model.fit(x, y, verbose=0)
    assert model.publish("blobs", x, y, models=tmp_path) == 1
    sigmoid = Sequential([Dense(3, "sigmoid")])
    sigmoid.compile("adam", LOSS)
    sigmoid.fit(x, y, verbose=0)
    with pytest.raises(TrainingError, match="can't be published: a classification ends in softmax"):
        sigmoid.publish("blobs", x, y, models=tmp_path)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "invalid value for `units`, expected a positive integer. Received: units=0"),
        (lambda: Dense(True), "invalid value for `units`"),
        (lambda: Dense(2.5), "invalid value for `units`"),  # type: ignore[arg-type]
        (lambda: Dense(2, "swish!"), "Could not interpret activation function identifier: 'swish!'; known are"),
        (lambda: Dense(2, kernel_initializer="ones!"), "Could not interpret initializer identifier: 'ones!'"),
        (lambda: Dense(2, colour="red"), "Unrecognized keyword arguments passed to Dense: {'colour': 'red'}"),
        (lambda: Dropout(1.5), "Invalid value received for `rate`. Expected a number from 0 to 1"),
        (lambda: Dropout(-0.1), "Invalid value received for `rate`"),
        (lambda: Sequential(["dense"]), "Only instances of `keras.Layer` can be added"),  # type: ignore[list-item]
        (lambda: Sequential([Dropout(0.5)]).build((None, 3)), "at least one Dense layer"),
        (lambda: Sequential([Dense(2)]).build((None, 3, 3)), "expected an input shape (None, n)"),
        (lambda: Sequential([Dense(2)]).compile("adam"), "compile() needs a loss"),
        (lambda: Sequential([Dense(2)]).compile("adam", LOSS, ["beauty"]), "metric identifier: 'beauty'"),
        (lambda: Sequential([Dense(2)]).network(), "the model has no weights yet"),
    ],
)
def test_models_that_can_not_be(make: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("x", "y", "batch_size", "message"),
    [
        (np.zeros((4, 3)), np.zeros(4, int), 32, "expected x of shape (n, 4), got (4, 3)"),
        (np.zeros((4, 2, 2)), np.zeros(4, int), 32, "got (4, 2, 2): did you mean x.reshape(len(x), -1)?"),
        (np.zeros(4), np.zeros(4, int), 32, "expected x of shape (n, 4), got (4,)"),
        (np.zeros((0, 4)), np.zeros(0, int), 32, "x has no rows"),
        (np.zeros((4, 4)), np.zeros(3, int), 32, "Data cardinality is ambiguous"),
        (np.zeros((4, 4)), 1, 32, "Data cardinality is ambiguous"),
        (np.full((4, 4), np.nan), np.zeros(4, int), 32, "x holds NaN or infinity"),
        (np.zeros((4, 4)), np.full(4, 3), 32, "label value of 3 which is outside the valid range"),
        (np.zeros((4, 4)), np.zeros(4, int), 0, "batch_size must be at least 1"),
    ],
)
def test_data_that_do_not_fit(x: Any, y: Any, batch_size: int, message: str) -> None:
    model = Sequential([Dense(3, "softmax", input_shape=(4,))])
    model.compile("adam", LOSS)
    with pytest.raises(TrainingError, match=re.escape(message)):
        model.fit(x, y, batch_size, verbose=0)


def test_compile_comes_first() -> None:
    with pytest.raises(TrainingError, match=re.escape("You must call `compile()` before using the model.")):
        Sequential([Dense(3)]).fit(np.zeros((4, 4)), np.zeros(4))


def test_the_words_of_keras() -> None:
    for name in ("Sequential", "layers", "optimizers", "losses", "metrics", "callbacks", "utils"):
        assert hasattr(tf_keras, name)
