from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.datasets import codes_of, column_names, load_file
from training import TrainingError

X, Y = np.zeros((4, 3)), np.array([0, 1, 0, 1])


def test_npz_in_the_layout_of_keras(tmp_path: Path) -> None:
    x = np.arange(40 * 4, dtype=np.uint8).reshape(40, 2, 2)
    y = np.arange(40) % 2 + 5
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y.reshape(-1, 1), x_test=x[:10], y_test=y[:10])
    data = load_file(tmp_path / "data.npz", None)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [34, 6, 10]
    assert data.train.codes.dtype == np.uint8  # uint8, not float32: a quarter of the size
    assert data.targets.labels == (5, 6)
    np.testing.assert_array_equal(data.test.y, np.arange(10) % 2)
    np.testing.assert_array_equal(codes_of(data.test), x[:10].reshape(10, 4))


@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_with_x_and_y(order: Any, tmp_path: Path) -> None:
    x = np.array(np.random.default_rng(0).normal(size=(20, 3)), order=order)
    np.savez_compressed(tmp_path / "data.npz", X=x, y=np.array(["a", "b"] * 10))
    data = load_file(tmp_path / "data.npz", None)
    assert column_names(data) == ["x0", "x1", "x2"]
    assert data.targets.labels == ("a", "b")
    np.testing.assert_array_equal(data.train.codes, x.astype(np.float32))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X}, "expected arrays x_train and y_train, or X and y; found a"),
        ({}, "found nothing"),
        ({"X": X, "y": Y[:3]}, "y has the shape (3,), but X has 4 rows"),
        ({"X": X, "y": np.eye(4)}, "y has the shape (4, 4), but X has 4 rows"),
        ({"X": X[:, 0], "y": Y}, "X has the shape (4,); expected one row per example"),
        ({"X": np.full((4, 3), np.nan), "y": Y}, "NaN, infinity or a number too large for float32; first in row 0"),
        ({"X": X.astype(str), "y": Y}, "the data contain <U32 values; expected integers or floats"),
        ({"X": X.astype(complex), "y": Y}, "the data contain complex128 values"),
        ({"X": X[:0], "y": Y[:0]}, "the data have no rows"),
        ({"X": X, "y": np.array([b"a", b"b"] * 2)}, "the targets are |S1 values"),
        ({"X": X, "y": np.zeros(4)}, "all targets are"),
        (
            {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1},
            "unknown class 2: it does not occur in the training set",
        ),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, "x_train has 3 values per row, x_test has 2"),
        ({"X": X, "y": np.array([None, "a", None, "a"])}, "contains pickled objects, which are never loaded"),
        ({"X": np.array([[1], [1, 2]], object), "y": Y[:2]}, "contains pickled objects"),
    ],
)
def test_invalid_arrays_are_refused(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(TrainingError) as caught:
        load_file(tmp_path / "data.npz", None)
    assert message in str(caught.value)


def test_a_target_column_is_refused_for_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", X=X, y=Y)
    with pytest.raises(TrainingError, match=r"remove --target; .* a \.npz file .* targets are in y"):
        load_file(tmp_path / "data.npz", "kind")
    with pytest.raises(TrainingError, match="remove --target; digits is a data set of images"):
        load_file(Path("digits"), "kind")
