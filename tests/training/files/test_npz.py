import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.datasets import codes_of, column_names, load_file
from training import TrainingError
from training.files.read import read_file

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
        ({"X": np.array(3.0), "y": Y}, "X has the shape (); expected one row per example"),
        ({"X": X, "y": np.array(3)}, "y has the shape (), but X has 4 rows"),
        ({"X": X.astype("M8[s]"), "y": Y}, "X contains datetime64[s] values; expected numbers, booleans or text"),
        ({"X": X, "y": Y.astype("M8[s]")}, "y contains datetime64[s] values"),
        ({"X": X.astype("m8[s]"), "y": Y}, "X contains timedelta64[s] values"),
        ({"X": np.zeros((4, 2), [("a", "f4")]), "y": Y}, "X contains [('a', '<f4')] values"),
        ({"X": X, "y": np.zeros(4, [("a", "f4")])}, "y contains [('a', '<f4')] values"),
        ({"X": np.zeros((4, 2), "V3"), "y": Y}, "X contains |V3 values"),
        ({"X": X, "y": Y.astype(complex)}, "the targets are complex128 values"),
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


def _header(shape: str, descr: str = "'<f8'") -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


@pytest.mark.parametrize(
    "member",
    [
        b"",
        b"hello",
        b"\x93NUMPY\x09\x00" + bytes(100),
        *(_header(shape) + bytes(64) for shape in ("(-1, 4)", "(True, 8)", "(9.5, 4)", "'x'", "(10**18, 4)", "()")),
        _header("(1000000000000, 4)") + bytes(64),
        _header("(4, 3)") + bytes(64),  # too few bytes
        *(_header("(4, 3)", descr) + bytes(96) for descr in ("'<f99'", "'<U-1'", "'<U0'", "'<M8[zz]'", "'|O'", "'?x'")),
        b"\x93NUMPY\x01\x00\x28\x23" + b"(" * 9000,
    ],
    ids=lambda member: repr(member[10:60]),
)
def test_an_odd_npy_is_refused_in_one_sentence(member: bytes, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", y=Y)
    with zipfile.ZipFile(tmp_path / "data.npz", "a") as archive:
        archive.writestr("X.npy", member)
    with pytest.raises(TrainingError, match=r"damaged|pickled|X contains|X has the shape") as caught:
        load_file(tmp_path / "data.npz", None)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_damaged_npz_is_refused_in_one_sentence(save: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    save(tmp_path / "data.npz", X=rng.normal(size=(30, 4)), y=np.arange(30) % 3)
    whole = (tmp_path / "data.npz").read_bytes()
    problems = []
    for attempt in range(300):
        damaged = bytearray(whole)
        if attempt % 3:
            for _ in range(int(rng.integers(1, 20))):
                damaged[rng.integers(len(damaged))] = rng.integers(256)
        else:
            del damaged[rng.integers(len(damaged)) :]
        (tmp_path / "data.npz").write_bytes(damaged)
        try:
            read_file(tmp_path / "data.npz")
        except TrainingError as error:
            problems.append(str(error))
    assert len(problems) > 200
    assert "\n" not in "".join(problems)


def test_numbers_that_collapse_in_float32_give_a_note(tmp_path: Path) -> None:
    milliseconds = 1_700_000_000_000 + 250 * np.arange(400)
    x = np.stack([milliseconds, np.arange(400)], axis=1)
    np.savez(tmp_path / "data.npz", X=x, y=np.arange(400) % 2)
    (note,) = load_file(tmp_path / "data.npz", None).notes
    assert re.match(r"column x0: rounding to float32 leaves only 1 of \d+ distinct values; subtract a constant", note)
    np.savez(tmp_path / "data.npz", X=x - x[0], y=np.arange(400) % 2)
    assert load_file(tmp_path / "data.npz", None).notes == []
