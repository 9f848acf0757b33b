import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store import read_version
from training import TrainingError
from training import keras as tf_keras
from training.keras import Sequential
from training.keras.engine.data_adapter import ArrayDataAdapter, Samples
from training.keras.layers import BatchNormalization, Dense, Dropout, Flatten, Input, Normalization, Rescaling
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


def test_evaluate_prints_its_figures_unless_it_is_told_not_to(
    rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = _blobs(rng)
    model = _model()
    model.fit(x, y, verbose=0)
    loss, accuracy = np.asarray(model.evaluate(x, y, batch_size=32))
    assert capsys.readouterr().out == f"accuracy: {accuracy:.4f} - loss: {loss:.4f}\n"
    model.evaluate(x, y, verbose=0)
    model.predict(x, batch_size=8, verbose=1)
    assert capsys.readouterr().out == ""


def test_without_metrics_evaluate_gives_the_loss_alone(rng: np.random.Generator) -> None:
    x, y = _blobs(rng)
    model = Sequential([Dense(3)])
    model.compile("sgd", SparseCategoricalCrossentropy(from_logits=True))
    assert isinstance(model.evaluate(x, y), float)


def test_every_epoch_is_a_permutation_of_the_rows(rng: np.random.Generator) -> None:
    weights = np.arange(100, dtype=np.float32)
    for block in (1, 50, 1000):
        source = ArrayDataAdapter(np.arange(100, dtype=np.uint8).reshape(100, 1))
        source.block = block
        rows = Samples(source, np.arange(100), weights)
        batches = [(b.x[:, 0].copy(), b.y, b.weights) for b in rows.batches(32, rng.permutation(100), np.float32)]
        assert [len(y) for _, y, _ in batches] == [32, 32, 32, 4]
        x, y, w = (np.concatenate(part) for part in zip(*batches, strict=True))
        assert not np.array_equal(y, np.arange(100))
        np.testing.assert_array_equal(np.sort(y), np.arange(100))
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(w, y)


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
    assert dense.bias is not None
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


def _built_model() -> Sequential:
    model = Sequential([Input((4,)), Dense(3, "softmax")])
    model.build((None, 4))
    return model


def _with_weights(weights: list[np.ndarray]) -> None:
    _built_model().set_weights(weights)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "invalid value for `units`, expected a positive integer. Received: units=0"),
        (lambda: Dense(True), "invalid value for `units`"),
        (lambda: Dense(2.5), "invalid value for `units`"),  # type: ignore[arg-type]
        (lambda: Dense(2, "swish!"), "Could not interpret activation function identifier: 'swish!'; known are"),
        (lambda: Dense(2, kernel_initializer="ones!"), "Could not interpret initializer identifier: 'ones!'"),
        (lambda: Dense(2, colour="red"), "Unrecognized keyword arguments passed to Dense: colour"),
        (lambda: Dropout(1.5), "rate must be a number from 0 to 1, got 1.5"),
        (lambda: Dropout(-0.1), "rate must be a number from 0 to 1"),
        (lambda: Dropout("half"), "rate must be a number from 0 to 1, got 'half'"),  # type: ignore[arg-type]
        (lambda: BatchNormalization(momentum=2), "momentum must be a number from 0 to 1, got 2"),
        (lambda: BatchNormalization(epsilon=-1), "epsilon must be a number from 0 on, got -1"),
        (lambda: Sequential(["dense"]), "Only instances of `keras.Layer` can be added"),  # type: ignore[list-item]
        (lambda: Sequential().build((None, 3)), "at least one layer"),
        (lambda: Sequential([Dense(2)]).build((None, 3, 3)), "takes rows of one dimension, got (3, 3): add Flatten()"),
        (lambda: Sequential([BatchNormalization()]).build((None, 3, 3)), "add Flatten() before it"),
        (lambda: Sequential([Dense(2)]).build((None, None)), "expected an input shape (None, n)"),
        (lambda: Sequential([Normalization()]).build((None, 3)), "call adapt(data) first"),
        (lambda: Sequential([Normalization(mean=[0, 0], variance=[1, 1])]).build((None, 3)), "was adapted to rows of"),
        (lambda: Normalization(mean=[0.0]), "both `mean` and `variance` must be set"),
        (lambda: Normalization(axis=0), "axis must be -1"),
        (lambda: Rescaling(0), "a finite scale that is not 0"),
        (lambda: Dense(2, kernel_regularizer="l3"), "Could not interpret regularizer identifier: 'l3'"),
        (lambda: tf_keras.regularizers.l1(-1), "`l1` must be a number from 0 on"),
        (lambda: _with_weights([np.zeros((4, 3))]), "weight list of length 1, but the layer was expecting 2 weights"),
        (
            lambda: _with_weights([np.zeros((4, 2)), np.zeros(3)]),
            "Layer weight shape (4, 3) not compatible with (4, 2)",
        ),
        (lambda: _built_model().add(Input((4,))), "comes too late: an Input comes before all layers, once"),
        (lambda: Sequential([Input((4,)), Input((4,))]), "comes too late"),
        (lambda: Input(4), "Input takes the shape of a row, such as (4,), got 4"),  # type: ignore[arg-type]
        (lambda: Input((None, 4)), "Input takes the shape of a row, such as (4,), got (None, 4)"),  # type: ignore[arg-type]
        (lambda: Dense(2, input_shape="4"), "Dense takes the shape of a row"),
        (lambda: Input((4,), sparse=True), "Unrecognized keyword arguments passed to Input: sparse"),
        (lambda: Dense(2).get_weights(), "has no weights yet: call fit() or build() of its model first"),
        (lambda: Dense(2).set_weights([]), "has no weights yet"),
        (lambda: _built_model().layers[0].set_weights([1]), "weight list of length 1, but the layer was expecting 2"),
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
        (np.zeros((4, 4)), np.zeros(4, int), 0, "batch_size must be a whole number, at least 1"),
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
    for name in ("Sequential", "Input", "layers", "optimizers", "losses", "metrics", "callbacks", "utils", "models"):
        assert hasattr(tf_keras, name)
    with pytest.raises(AttributeError, match="Could not interpret layer identifier: 'Conv2D'; known are Activation"):
        tf_keras.layers.Conv2D  # noqa: B018


def test_bytes_stay_bytes_and_images_are_flattened(rng: np.random.Generator) -> None:
    images, y = rng.integers(0, 256, (200, 6, 6), dtype=np.uint8), rng.integers(0, 3, 200)
    weights = []
    for x, first in ((images, [Flatten(), Rescaling(1 / 255)]), (images.reshape(200, 36) / np.float32(255), [])):
        set_random_seed(5)
        model = Sequential([*first, Dense(8, "relu"), Dense(3, "softmax")])
        model.compile("adam", LOSS)
        model.fit(x, y, epochs=2, verbose=0)
        weights.append(model.get_weights())
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_weight_of_two_is_the_row_twice(rng: np.random.Generator) -> None:
    x, y = _blobs(rng, 40)
    twice = np.arange(40) < 15
    results = []
    for rows, targets, options in (
        (x, y, {"sample_weight": 1.0 + twice}),
        (np.vstack([x, x[twice]]), np.append(y, y[twice]), {}),
    ):
        set_random_seed(0)
        model = Sequential([Dense(3, "softmax")])
        model.compile("sgd", LOSS)
        model.build((None, 4))
        before = model.parameters.values.copy()
        loss = model.train_on_batch(rows, targets, **options)  # type: ignore[arg-type]
        assert isinstance(loss, float)
        results.append((loss * len(rows), (model.parameters.values - before) * len(rows)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_weights_count_in_the_loss_alone(rng: np.random.Generator) -> None:
    x, y = _blobs(rng, 40)
    model = Sequential([Dense(3, "softmax")])
    model.compile("sgd", LOSS, ["accuracy"])
    plain, weighted = (model.evaluate(x, y, verbose=0, sample_weight=w) for w in (None, np.where(y == 1, 5.0, 0.1)))
    assert isinstance(plain, list)
    assert isinstance(weighted, list)
    assert plain[0] != weighted[0]
    assert plain[1] == weighted[1]


def test_a_class_weight_is_a_weight_of_its_rows(rng: np.random.Generator) -> None:
    x, y = _blobs(rng)
    weights = []
    for options in ({"class_weight": {0: 3.0, 2: 0.5}}, {"sample_weight": np.array([3, 1, 0.5])[y]}):
        set_random_seed(0)
        model = _model()
        model.fit(x, y, verbose=0, **options)
        weights.append(model.parameters.values)
    np.testing.assert_array_equal(weights[0], weights[1])
    with pytest.raises(TrainingError, match="You cannot `class_weight` and `sample_weight` at the same time"):
        model.fit(x, y, class_weight={0: 1.0}, sample_weight=np.ones(300), verbose=0)
    for bad in (-np.ones(300), np.full(300, np.nan), np.ones((300, 2))):
        with pytest.raises(TrainingError, match="sample_weight takes a finite weight"):
            model.fit(x, y, sample_weight=bad, verbose=0)


def test_the_validation_split_is_the_last_rows(rng: np.random.Generator) -> None:
    x, y = _blobs(rng, 100)
    results = []
    for data, options in (
        ((x, y), {"validation_split": 0.25}),
        ((x[:75], y[:75]), {"validation_data": (x[75:], y[75:])}),
    ):
        set_random_seed(0)
        model = _model()
        results.append(model.fit(*data, epochs=2, verbose=0, **options).history)
    assert results[0] == results[1]
    assert list(results[0]) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    with pytest.raises(TrainingError, match="contains 1 samples, which is not sufficient to split it"):
        model.fit(x[:1], y[:1], validation_split=0.5)
    with pytest.raises(TrainingError, match="validation_split must be a number from 0 to below 1"):
        model.fit(x, y, validation_split=1.5)
    with pytest.warns(UserWarning, match="y is sorted: shuffle x and y together"):
        model.fit(x, np.sort(y), validation_split=0.25, verbose=0)


def test_steps_and_validation_may_be_fewer(rng: np.random.Generator) -> None:
    x, y = _blobs(rng)
    model = _model()
    history = model.fit(x, y, steps_per_epoch=5, epochs=4, validation_data=(x, y), validation_freq=2, verbose=0)
    assert model.optimizer.iterations == 20
    assert len(history.history["val_loss"]) == 2


def _rows_touched(epochs: int, steps: int) -> tuple[list[int], int]:
    """Train on one-hot rows: a row of the kernel moves when its row is seen."""
    model = Sequential([Dense(3, "softmax")])
    model.compile("sgd", LOSS)
    model.build((None, 8))
    before = model.get_weights()[0]
    x, y = np.eye(8), np.arange(8) % 3
    model.fit(x, y, batch_size=2, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0)
    moved = (model.get_weights()[0] != before).any(axis=1)
    return np.flatnonzero(moved).tolist(), model.optimizer.iterations


def test_an_epoch_of_some_steps_goes_on_where_the_last_one_ended() -> None:
    # So does Keras, which also ends an epoch where the rows end.
    assert _rows_touched(epochs=1, steps=2) == ([0, 1, 2, 3], 2)
    assert _rows_touched(epochs=2, steps=2) == (list(range(8)), 4)
    assert _rows_touched(epochs=2, steps=3) == (list(range(8)), 4)
    assert _rows_touched(epochs=3, steps=3) == (list(range(8)), 7)
    with pytest.warns(UserWarning, match="ends after 4 steps, not steps_per_epoch=7: 8 rows make no more batches of 2"):
        assert _rows_touched(epochs=2, steps=7) == (list(range(8)), 8)


@pytest.mark.parametrize("name", ["batch_size", "steps_per_epoch", "validation_freq", "validation_steps"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True])
def test_counts_are_whole_numbers(name: str, value: Any, rng: np.random.Generator) -> None:
    x, y = _blobs(rng, 40)
    with pytest.raises(TrainingError, match=f"{name} must be a whole number, at least 1, got {value}"):
        _model().fit(x, y, validation_data=(x, y), verbose=0, **{name: value})


def test_validation_may_take_some_batches_alone(rng: np.random.Generator) -> None:
    x, y = _blobs(rng, 40)
    model, weights = _model(), rng.uniform(size=40)
    data = (x, y, weights)
    history = model.fit(x, y, validation_data=data, validation_batch_size=3, validation_steps=2, verbose=0).history
    expected = model.evaluate(x[:6], y[:6], sample_weight=weights[:6], verbose=0, return_dict=True)
    assert {name: history[f"val_{name}"][0] for name in ("loss", "accuracy")} == expected
    with pytest.raises(TrainingError, match=r"validation_data takes \(x, y\) or \(x, y, sample_weight\)"):
        model.fit(x, y, validation_data=(x,), verbose=0)


def test_columns_and_truths_are_taken_as_keras_takes_them(rng: np.random.Generator) -> None:
    x, y = _blobs(rng, 40)
    model = _model()
    plain = model.evaluate(x, (y == 1).astype(int), sample_weight=y + 1, verbose=0)
    assert model.evaluate(x, y == 1, sample_weight=(y + 1)[:, None], verbose=0) == plain


def test_binary_and_regression_outputs(rng: np.random.Generator, tmp_path: Path) -> None:
    x = rng.normal(size=(400, 4))
    value = x @ [1.0, -2, 0.5, 0]
    binary = Sequential([Dense(8, "relu"), Dense(1, "sigmoid")])
    binary.compile("adam", "binary_crossentropy", ["accuracy", "AUC"])
    history = binary.fit(x, value > 0, epochs=60, verbose=0).history
    assert history["accuracy"][-1] > 0.9
    assert history["AUC"][-1] > 0.95
    assert binary.publish("sign", x, value > 0, models=tmp_path, labels=["minus", "plus"]) == 1
    plus = binary.network().predict(x.astype(np.float32))[:, 1]
    np.testing.assert_allclose(plus, binary.predict(x)[:, 0], atol=1e-6)
    linear = Sequential([Dense(1)])
    linear.compile(tf_keras.optimizers.Adam(0.05), "mse", ["mae"])
    linear.fit(x, value, epochs=40, verbose=0)
    assert linear.publish("value", x, value, models=tmp_path) == 1
    published = read_version(tmp_path, "value", 1)
    assert published.artifact.model.task == "regression"
    assert published.metrics["test"]["r2"] > 0.99


def test_weights_in_the_order_of_keras(rng: np.random.Generator) -> None:
    model = Sequential([Dense(5), BatchNormalization(), Dense(2, use_bias=False)])
    model.build((None, 3))
    weights = model.get_weights()
    assert [part.shape for part in weights] == [(3, 5), (5,), (5,), (5,), (5,), (5,), (5, 2)]
    changed = [rng.normal(size=part.shape).astype(np.float32) for part in weights]
    model.set_weights(changed)
    for part, expected in zip(model.get_weights(), changed, strict=True):
        np.testing.assert_array_equal(part, expected)


def test_summary(capsys: pytest.CaptureFixture[str], rng: np.random.Generator) -> None:
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


def test_nothing_is_frozen_without_a_word() -> None:
    layer = Dense(3, name="hidden")
    model = Sequential([layer])
    layer.trainable = True
    assert layer.trainable
    with pytest.raises(TrainingError, match="hidden can't be frozen"):
        layer.trainable = False
    with pytest.raises(TrainingError, match="sequential can't be frozen"):
        model.trainable = False


def test_a_model_whose_input_is_declared_has_weights_before_it_sees_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def declared() -> Sequential:
        return Sequential([Input((4,)), Dense(3, name="hidden"), Dropout(0.5), Dense(2)])

    model = declared()
    assert [part.shape for part in model.get_weights()] == [(4, 3), (3,), (3, 2), (2,)]
    declared().summary()
    assert re.search(r"hidden \(Dense\) +│ \(None, 3\) +│ +15 │", capsys.readouterr().out)
    model.save_weights(tmp_path / "weights.npz")
    by_hand, from_file = declared(), declared()
    by_hand.set_weights(model.get_weights())
    from_file.load_weights(tmp_path / "weights.npz")
    for other in (by_hand, from_file):
        np.testing.assert_array_equal(other.predict(np.eye(4)), model.predict(np.eye(4)))


def test_looking_at_the_weights_first_changes_no_bit_of_training(rng: np.random.Generator) -> None:
    x, y = _blobs(rng)
    results = []
    for look in (False, True):
        set_random_seed(3)
        model = Sequential([Input((4,)), Dense(8, "relu"), Dropout(0.5), Dense(3, "softmax")])
        model.compile("adam", LOSS)
        if look:
            model.summary(print_fn=lambda text: None)
        model.fit(x, y, epochs=2, verbose=0)
        results.append(model.parameters.values)
    np.testing.assert_array_equal(results[0], results[1])


def test_a_layer_added_later_leaves_the_others_their_weights() -> None:
    model = Sequential([Dense(3, input_shape=(4,)), BatchNormalization()])
    model.compile("adam", "mse")
    before = model.get_weights()
    model.add(Dense(2))
    assert len(model.get_weights()) == len(before) + 2
    with pytest.raises(TrainingError, match="adapt"):
        model.add(Normalization())
    for part, expected in zip(model.get_weights(), before, strict=False):
        np.testing.assert_array_equal(part, expected)
    assert model.predict(np.eye(4)).shape == (4, 2)
    model.fit(np.eye(4), np.zeros((4, 2)), verbose=0)


def test_what_adapts_after_the_model_was_built_counts(rng: np.random.Generator) -> None:
    x, normal = rng.normal(3, 2, (50, 4)), Normalization()
    model = Sequential([Input((4,)), normal])
    model.summary(print_fn=lambda text: None)
    for data in (x, x * 2):
        normal.adapt(data)
        np.testing.assert_allclose(model.predict(data), (x - x.mean(axis=0)) / x.std(axis=0), rtol=1e-3, atol=1e-5)


def test_weights_of_one_layer(rng: np.random.Generator) -> None:
    model = _built_model()
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([kernel * 0, bias + 1])
    np.testing.assert_allclose(model.predict(rng.normal(size=(2, 4))), np.full((2, 3), 1 / 3), rtol=1e-6)


def test_an_input_takes_what_says_nothing_here() -> None:
    assert Sequential([Input((4,), batch_size=3, dtype="float32"), Dense(2)]).predict(np.eye(4)).shape == (4, 2)


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        (tf_keras, "Model", "Could not interpret module identifier: 'Model'; known are Input, Sequential"),
        (tf_keras.layers, "Conv2D", "layer identifier: 'Conv2D'; known are Activation, BatchNormalization, Dense"),
        (tf_keras.optimizers, "Adagrad", "optimizer identifier: 'Adagrad'; known are SGD, RMSprop, Adam, AdamW"),
        (tf_keras.optimizers.schedules, "CosineDecayRestarts", "known are CosineDecay, ExponentialDecay"),
        (tf_keras.losses, "Hinge", "loss identifier: 'Hinge'; known are SparseCategoricalCrossentropy"),
        (tf_keras.metrics, "F1Score", "metric identifier: 'F1Score'; known are Accuracy"),
        (
            tf_keras.initializers,
            "Orthogonal",
            "initializer identifier: 'Orthogonal'; known are Constant, GlorotUniform",
        ),
        (tf_keras.regularizers, "OrthogonalRegularizer", "regularizer identifier: .* known are L1, L2, L1L2"),
        (tf_keras.callbacks, "TensorBoard", "callback identifier: 'TensorBoard'; known are BackupAndRestore"),
        (tf_keras.utils, "plot_model", "known are set_random_seed, to_categorical"),
        (tf_keras.models, "clone_model", "known are Sequential, load_model"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(module: Any, name: str, message: str) -> None:
    with pytest.raises(AttributeError, match=message):
        getattr(module, name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [1.5, None, 2]}, r"labels\[1\] must be a text, a finite number or a truth value"),
        ({"labels": [[1], [2], [3]]}, r"labels\[0\] must be a text"),
        ({"labels": [0, 1, float("nan")]}, r"labels\[2\] must be a text"),
        ({"labels": [b"a", b"b", b"c"]}, r"labels\[0\] must be a text"),
        ({"labels": np.array([[1], [2], [3]])}, r"labels\[0\] must be a text"),
        ({"labels": "abc"}, "labels are a list of 3 names, one for each output, got str"),
        ({"labels": 5}, "labels are a list of 3 names, one for each output, got int"),
        ({"labels": ["a", "b"]}, "2 labels for a model of 3 outputs"),
        ({"x": [[1, 2, 3, 4], [1]]}, "x is ragged: its rows have different lengths"),
        ({"x": np.zeros((0, 4))}, r"rows of shape \(n, 4\) to publish with, got \(0, 4\)"),
        ({"x": 5}, r"to publish with, got \(\)"),
        ({"x": [["a"] * 4]}, "expected numbers to publish with, got <U1"),
        ({"y": ["a", "b"]}, "expected 2 class numbers to publish with, got <U1"),
    ],
)
def test_what_can_not_be_published(arguments: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=message):
        _built_model().publish("m", **{"x": np.zeros((2, 4)), "y": [0, 1], "models": tmp_path, **arguments})


@pytest.mark.parametrize(
    ("weight", "message"), [(np.nan, "a weight is NaN or infinite"), (3e38, "it gives NaN or infinity for these rows")]
)
def test_a_model_that_diverged_is_not_published(weight: float, message: str, tmp_path: Path) -> None:
    model = _built_model()
    model.set_weights([np.full((4, 3), weight), np.zeros(3)])
    with pytest.raises(TrainingError, match=message):
        model.publish("m", np.ones((2, 4)), models=tmp_path)
    assert not list(tmp_path.iterdir())
