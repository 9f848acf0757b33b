import re
from typing import Any

import numpy as np
import pytest

from tests.helpers.keras_models import LOSS, blobs, compiled_model
from training import TrainingError
from training.keras import Sequential
from training.keras.layers import Dense
from training.keras.utils import set_random_seed


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


def test_a_weight_of_two_is_the_row_twice(rng: np.random.Generator) -> None:
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


def test_weights_count_in_the_loss_alone(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 40)
    model = Sequential([Dense(3, "softmax")])
    model.compile("sgd", LOSS, ["accuracy"])
    plain, weighted = (model.evaluate(x, y, verbose=0, sample_weight=w) for w in (None, np.where(y == 1, 5.0, 0.1)))
    assert isinstance(plain, list)
    assert isinstance(weighted, list)
    assert plain[0] != weighted[0]
    assert plain[1] == weighted[1]


def test_a_class_weight_is_a_weight_of_its_rows(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    weights = []
    for options in ({"class_weight": {0: 3.0, 2: 0.5}}, {"sample_weight": np.array([3, 1, 0.5])[y]}):
        set_random_seed(0)
        model = compiled_model()
        model.fit(x, y, verbose=0, **options)
        weights.append(model.stack.parameters.values)
    np.testing.assert_array_equal(weights[0], weights[1])
    with pytest.raises(TrainingError, match="You cannot `class_weight` and `sample_weight` at the same time"):
        model.fit(x, y, class_weight={0: 1.0}, sample_weight=np.ones(300), verbose=0)
    for bad in (-np.ones(300), np.full(300, np.nan), np.ones((300, 2))):
        with pytest.raises(TrainingError, match="sample_weight takes a finite weight"):
            model.fit(x, y, sample_weight=bad, verbose=0)


def test_columns_and_truths_are_taken_as_keras_takes_them(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 40)
    model = compiled_model()
    plain = model.evaluate(x, (y == 1).astype(int), sample_weight=y + 1, verbose=0)
    assert model.evaluate(x, y == 1, sample_weight=(y + 1)[:, None], verbose=0) == plain
