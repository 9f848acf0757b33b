import re
from math import log

import numpy as np
import pytest

from training import TrainingError
from training.keras import losses
from training.keras.losses import BinaryCrossentropy, CategoricalCrossentropy, SparseCategoricalCrossentropy


def test_sparse_categorical_crossentropy_by_hand() -> None:
    loss = SparseCategoricalCrossentropy()
    y = np.array([0, 1])
    logits = np.array([[log(0.5), log(0.25), log(0.25)], [0, 0, 0]])
    losses, outputs = loss.forward(y, logits)
    np.testing.assert_allclose(losses, [log(2), log(3)], rtol=1e-12)
    np.testing.assert_allclose(outputs, [[0.5, 0.25, 0.25], [1 / 3] * 3], rtol=1e-12)
    np.testing.assert_allclose(loss.gradient(y), [[-0.5, 0.25, 0.25], [1 / 3, -2 / 3, 1 / 3]], rtol=1e-12)


def test_label_smoothing_is_the_same_for_class_indices_and_one_hot(rng: np.random.Generator) -> None:
    y, logits = rng.integers(0, 3, 50), rng.normal(size=(50, 3))
    sparse, dense = SparseCategoricalCrossentropy(label_smoothing=0.1), CategoricalCrossentropy(label_smoothing=0.1)
    np.testing.assert_allclose(sparse.forward(y, logits.copy())[0], dense.forward(np.eye(3)[y], logits.copy())[0])
    np.testing.assert_allclose(sparse.gradient(y), dense.gradient(np.eye(3)[y]), atol=1e-12)


@pytest.mark.parametrize(("name", "expected"), [("mse", 4.625), ("mae", 1.75), ("huber", 1.3125)])
def test_regression_losses_by_hand(name: str, expected: float) -> None:
    y, outputs = np.array([[0.0, 0], [1, 1]]), np.array([[0.5, -3], [1, 1]])
    values, _ = losses.get(name).forward(y, outputs)
    assert values.tolist() == [expected, 0]


def test_binary_crossentropy_never_overflows() -> None:
    logits = np.array([[1e4], [-1e4], [0]], np.float32)
    values, outputs = BinaryCrossentropy().forward(np.array([[0], [0], [1]], np.float32), logits)
    np.testing.assert_allclose(values, [1e4, 0, log(2)], rtol=1e-6)
    np.testing.assert_allclose(outputs[:, 0], [1, 0, 0.5])


def test_an_improbable_target_has_a_finite_loss() -> None:
    logits = np.array([[1e4, 0, -1e4]], np.float32)
    np.testing.assert_array_equal(SparseCategoricalCrossentropy().forward(np.array([2]), logits)[0], [2e4])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([0, 3]), r"label value of 3 which is outside the valid range of \[0, 3\): the model has 3 outputs"),
        (np.array([-1, 0]), "label value of -1"),
        (np.array([0.5, 1]), "integer class indices. Received: y.dtype=float64"),
        (np.array(["a", "b"]), "integer class indices. Received: y.dtype=<U1"),
        (np.array([np.nan, 1]), "integer class indices"),
        (np.eye(3), r"expects `y` of class indices \(n,\)\. Received: y\.shape=\(3, 3\)"),
    ],
)
def test_targets_that_are_not_class_indices_are_rejected(y: np.ndarray, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        SparseCategoricalCrossentropy().check(y, 3)


@pytest.mark.parametrize(
    ("name", "y", "message"),
    [
        ("mse", np.zeros((4, 2)), "mean_squared_error expects `y` of shape (n, 3). Received: y.shape=(4, 2)"),
        ("categorical_crossentropy", np.zeros(4), "expects `y` of shape (n, 3). Received: y.shape=(4,)"),
        ("mae", np.full((4, 3), np.nan), "expects `y` to contain finite numbers"),
        ("huber", np.full((4, 3), "a"), "expects `y` to contain finite numbers. Received: y.dtype=<U1"),
        ("binary_crossentropy", np.full((4, 3), 2.0), "expects `y` in the range [0, 1]. Received: values from 2 to 2"),
    ],
)
def test_invalid_targets_are_rejected(name: str, y: np.ndarray, message: str) -> None:
    with pytest.raises(TrainingError, match=re.escape(message)):
        losses.get(name).check(y, 3)


def test_class_indices_may_have_any_numeric_type() -> None:
    for y in (np.array([[0], [2]]), np.array([0.0, 2.0]), np.array([0, 2], np.uint8), np.array([0, 2])):
        np.testing.assert_array_equal(SparseCategoricalCrossentropy().check(y, 3), [0, 2])


def test_lookup_by_name() -> None:
    own = SparseCategoricalCrossentropy(from_logits=True)
    assert losses.get(own) is own
    with pytest.raises(TrainingError, match="Could not interpret loss identifier: 'guess'"):
        losses.get("guess")
    assert isinstance(losses.get("BinaryCrossentropy"), BinaryCrossentropy)
    with pytest.raises(TrainingError, match=r"argument `label_smoothing`. Expected a number in the range \[0, 1\]"):
        CategoricalCrossentropy(label_smoothing=1.5)
    with pytest.raises(TrainingError, match=r"argument `delta`\. Expected a number > 0\. Received: delta=0"):
        losses.Huber(0)


def test_names_and_reductions_of_losses() -> None:
    assert losses.MeanSquaredError(name="own").name == "own"
    assert losses.Huber(0.5, reduction="sum_over_batch_size").delta == 0.5
    with pytest.raises(
        TrainingError,
        match=r"BinaryCrossentropy only supports reduction='sum_over_batch_size'\. Received: reduction='sum'",
    ):
        BinaryCrossentropy(reduction="sum")
    with pytest.raises(TrainingError, match=r"argument `delta`\. Expected a number >= 0\. Received: delta='a'"):
        losses.Huber("a")  # type: ignore[arg-type]
    with pytest.raises(TrainingError, match="Unrecognized keyword arguments passed to Huber: axis"):
        losses.Huber(axis=1)
