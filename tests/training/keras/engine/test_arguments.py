import re
from typing import Any

import numpy as np
import pandas
import pytest

from tests.helpers.keras_models import LOSS, blobs, compiled_model
from training import TrainingError
from training.keras import Sequential
from training.keras.layers import Dense
from training.keras.utils import set_random_seed


@pytest.mark.parametrize(
    ("x", "y", "batch_size", "message"),
    [
        (np.zeros((4, 3)), np.zeros(4, int), 32, "Expected `x` of shape (n, 4). Received: x.shape=(4, 3)"),
        (np.zeros((4, 2, 2)), np.zeros(4, int), 32, "x.shape=(4, 2, 2). Did you mean x.reshape(len(x), -1)?"),
        (np.zeros(4), np.zeros(4, int), 32, "Expected `x` of shape (n, 4). Received: x.shape=(4,)"),
        (np.zeros((0, 4)), np.zeros(0, int), 32, "`x` is empty: expected at least one sample"),
        (np.zeros((4, 4)), np.zeros(3, int), 32, "Data cardinality is ambiguous"),
        (np.zeros((4, 4)), 1, 32, "Data cardinality is ambiguous"),
        (np.full((4, 4), np.nan), np.zeros(4, int), 32, "`x` contains NaN or infinite values"),
        (np.zeros((4, 4)), np.full(4, 3), 32, "label value of 3 which is outside the valid range"),
        (
            np.zeros((4, 4)),
            np.zeros(4, int),
            0,
            "`batch_size`. Expected a positive integer. Received: batch_size=0",
        ),
    ],
)
def test_invalid_data_are_rejected(x: Any, y: Any, batch_size: int, message: str) -> None:
    model = Sequential([Dense(3, "softmax", input_shape=(4,))])
    model.compile("adam", LOSS)
    with pytest.raises(TrainingError, match=re.escape(message)):
        model.fit(x, y, batch_size, verbose=0)


def test_fit_before_compile_is_rejected() -> None:
    with pytest.raises(TrainingError, match=re.escape("You must call `compile()` before using the model.")):
        Sequential([Dense(3)]).fit(np.zeros((4, 4)), np.zeros(4))


def test_a_sample_weight_of_two_equals_the_sample_twice(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 40)
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
        before = model.stack.parameters.values.copy()
        loss = model.train_on_batch(rows, targets, **options)  # type: ignore[arg-type]
        assert isinstance(loss, float)
        results.append((loss * len(rows), (model.stack.parameters.values - before) * len(rows)))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_sample_weights_apply_to_the_loss_only(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 40)
    model = Sequential([Dense(3, "softmax")])
    model.compile("sgd", LOSS, ["accuracy"])
    plain, weighted = (model.evaluate(x, y, verbose=0, sample_weight=w) for w in (None, np.where(y == 1, 5.0, 0.1)))
    assert isinstance(plain, list)
    assert isinstance(weighted, list)
    assert plain[0] != weighted[0]
    assert plain[1] == weighted[1]


def test_a_class_weight_equals_sample_weights(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    weights = []
    for options in ({"class_weight": {0: 3.0, 2: 0.5}}, {"sample_weight": np.array([3, 1, 0.5])[y]}):
        set_random_seed(0)
        model = compiled_model()
        model.fit(x, y, verbose=0, **options)
        weights.append(model.stack.parameters.values)
    np.testing.assert_array_equal(weights[0], weights[1])
    with pytest.raises(TrainingError, match="You cannot pass `class_weight` and `sample_weight` at the same time"):
        model.fit(x, y, class_weight={0: 1.0}, sample_weight=np.ones(300), verbose=0)
    for bad in (-np.ones(300), np.full(300, np.nan), np.ones((300, 2))):
        with pytest.raises(TrainingError, match=r"`sample_weight`\. Expected a finite, non-negative weight for each"):
            model.fit(x, y, sample_weight=bad, verbose=0)


def test_boolean_targets_and_column_weights_are_accepted_as_in_keras(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 40)
    model = compiled_model()
    plain = model.evaluate(x, (y == 1).astype(int), sample_weight=y + 1, verbose=0)
    assert model.evaluate(x, y == 1, sample_weight=(y + 1)[:, None], verbose=0) == plain


def test_a_data_frame_of_several_types_of_numbers(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 40)
    frame = pandas.get_dummies(pandas.DataFrame({"a": x[:, 0], "b": range(40), "color": ["red", "blue"] * 20}))
    assert {dtype.kind for dtype in frame.dtypes} == {"f", "i", "b"}
    model = Sequential([Dense(3, "softmax", input_shape=(4,))])
    model.compile("sgd", LOSS)
    model.fit(frame, y, epochs=1, verbose=0)
    np.testing.assert_array_equal(model.predict(frame), model.predict(frame.to_numpy(np.float64)))
    with pytest.raises(TrainingError, match="`x` has columns that are not numbers: color"):
        model.predict(frame.assign(color="red"))


def test_a_series_is_read_by_position(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 40)
    weights = rng.uniform(size=40)
    losses = []
    for given in (weights, pandas.Series(weights, index=np.arange(40) * 10.0)):
        set_random_seed(0)
        model = compiled_model()
        losses.append(model.fit(x, y, sample_weight=given, validation_split=0.25, epochs=2, verbose=0).history["loss"])
    assert losses[0] == losses[1]
