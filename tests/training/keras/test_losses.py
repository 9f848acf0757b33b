from math import log

import numpy as np
import pytest

from training import TrainingError
from training.keras import losses
from training.keras.losses import SparseCategoricalCrossentropy


def test_values_that_can_be_checked_by_hand() -> None:
    loss = SparseCategoricalCrossentropy()
    y = np.array([0, 1])
    logits = np.array([[log(0.5), log(0.25), log(0.25)], [0, 0, 0]])
    np.testing.assert_allclose(loss.rows(y, logits), [log(2), log(3)], rtol=1e-12)
    np.testing.assert_allclose(logits, [[0.5, 0.25, 0.25], [1 / 3] * 3], rtol=1e-12)
    gradient = loss.gradient(y, logits)
    np.testing.assert_allclose(gradient, np.array([[-0.5, 0.25, 0.25], [1 / 3, -2 / 3, 1 / 3]]) / 2, rtol=1e-12)


def test_a_hopeless_row_has_a_finite_loss() -> None:
    logits = np.array([[1e4, 0, -1e4]], np.float32)
    np.testing.assert_array_equal(SparseCategoricalCrossentropy().rows(np.array([2]), logits), [2e4])


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array([0, 3]), r"label value of 3 which is outside the valid range of \[0, 3\): the model has 3 outputs"),
        (np.array([-1, 0]), "label value of -1"),
        (np.array([0.5, 1]), "whole class numbers, got float64"),
        (np.array(["a", "b"]), "whole class numbers, got <U1"),
        (np.array([np.nan, 1]), "whole class numbers"),
        (np.eye(3), r"class numbers \(n,\), got targets \(3, 3\)"),
    ],
)
def test_targets_that_are_no_classes(y: np.ndarray, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        SparseCategoricalCrossentropy().check(y, 3)


def test_targets_in_many_types() -> None:
    for y in (np.array([[0], [2]]), np.array([0.0, 2.0]), np.array([0, 2], np.uint8), np.array([0, 2])):
        np.testing.assert_array_equal(SparseCategoricalCrossentropy().check(y, 3), [0, 2])


def test_look_up() -> None:
    own = SparseCategoricalCrossentropy(from_logits=True)
    assert losses.get(own) is own
    with pytest.raises(TrainingError, match="Could not interpret loss identifier: 'guess'"):
        losses.get("guess")
