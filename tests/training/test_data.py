from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from training import TrainingError
from training.data import DataSet, load

CSV = "width,height,kind\n" + "".join(f"{i % 7}.5,{i},{'odd' if i % 2 else 'even'}\n" for i in range(20))


def _load(path: Path, target: str | None = "kind") -> DataSet:
    return load(str(path), target, seed=0)


def test_digits() -> None:
    digits = load("digits", None, seed=3)
    assert digits.train.rows.shape == (1438, 64)
    assert digits.test.rows.shape == (359, 64)
    assert digits.names is None
    assert digits.labels == tuple(range(10))
    train, test = (np.bincount(part.classes) / len(part.classes) for part in (digits.train, digits.test))
    np.testing.assert_allclose(train, test, atol=0.005)  # stratified
    again, other = load("digits", None, seed=3), load("digits", None, seed=4)
    np.testing.assert_array_equal(again.test.rows, digits.test.rows)
    assert not np.array_equal(other.test.rows, digits.test.rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv(delimiter: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(CSV.replace(",", delimiter))
    data = _load(tmp_path / "data.csv")
    assert data.names == ["width", "height"]
    assert data.labels == ("even", "odd")
    assert (len(data.train.rows), len(data.test.rows)) == (16, 4)
    for part in (data.train, data.test):
        np.testing.assert_array_equal(part.rows[:, 1] % 2, part.classes)
    assert data.source["source"] == "data.csv"
    assert len(data.source["sha256"]) == 64


def test_csv_as_people_have_it(tmp_path: Path) -> None:
    """A byte order mark, Windows's line ends, spaces around names and values, quotes."""
    lines = [
        '\ufeff width,"height, in all", kind ',
        *(f"{i}.5, {i} , {'odd' if i % 2 else 'even'} " for i in range(20)),
    ]
    (tmp_path / "data.csv").write_bytes("\r\n".join(lines).encode())
    data = _load(tmp_path / "data.csv")
    assert data.names == ["width", "height, in all"]
    assert data.labels == ("even", "odd")


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes("a,kind\n1,ä\n2,ö\n".encode("latin-1"))
    with pytest.raises(TrainingError, match="the target kind holds text that is not UTF-8"):
        _load(tmp_path / "data.csv")


def test_parquet(tmp_path: Path) -> None:
    table = pyarrow.table({"a": [1, 2, 3, 4] * 5, "b": [0.5, 1.5, 2.5, 3.5] * 5, "kind": [True, False] * 10})
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    data = _load(tmp_path / "data.parquet")
    assert data.names == ["a", "b"]
    assert data.labels == (False, True)


def test_npz_in_the_layout_of_keras(tmp_path: Path) -> None:
    x = np.arange(40 * 4, dtype=np.uint8).reshape(40, 2, 2)
    y = np.arange(40) % 2 + 5
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y.reshape(-1, 1), x_test=x[:10], y_test=y[:10])
    data = _load(tmp_path / "data.npz", None)
    assert data.train.rows.shape == (40, 4)
    assert data.test.rows.shape == (10, 4)
    assert data.labels == (5, 6)
    assert data.names is None
    np.testing.assert_array_equal(data.test.classes, np.arange(10) % 2)


def test_npz_with_x_and_y(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", X=np.random.default_rng(0).normal(size=(20, 3)), y=np.array(["a", "b"] * 10))
    data = _load(tmp_path / "data.npz", None)
    assert data.names == ["x0", "x1", "x2"]
    assert data.labels == ("a", "b")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.csv", "", "is empty"),
        ("data.csv", "width,kind\n", "has a header but no rows"),
        ("data.csv", "width,height\n1,2\n", "has no column 'kind'; there are width, height"),
        ("data.csv", "kind\na\nb\n", "has no column beside the target kind"),
        ("data.csv", CSV + "1,2\n", "line 22: 2 values, but the header has 3"),
        ("data.csv", CSV + "1,2,odd,4\n", "line 22: 4 values, but the header has 3"),
        ("data.csv", CSV + "tall,2,odd\n", "column width holds string values; only columns of numbers"),
        ("data.csv", CSV + ",2,odd\n", "column width has no value in line 22"),
        ("data.csv", CSV + "nan,2,odd\n", "column width has no value in line 22"),
        ("data.csv", CSV + "inf,2,odd\n", "NaN, infinity or a number too large for float32: first in row 20, width"),
        ("data.csv", CSV + "1e39,2,odd\n", "too large for float32"),
        ("data.csv", CSV.replace("odd", "even"), "the targets are all 'even': there is nothing to tell apart"),
        ("data.csv", CSV + "1,2,rare\n", "class 'rare' has one row only"),
        ("data.csv", "width,kind\n1,0.5\n2,1.5\n", "not classes but fractions"),
        ("data.csv", "width,kind\n1,a\n2,\n3,b\n", "the target kind is missing in line 3"),
        ("data.csv", "a,a,kind\n1,2,x\n", "has two columns of the same name: a, a, kind"),
        ("data.csv", "a,kind\n1,x\n2, ? \n", "the target kind is missing in line 3"),
        ("data.npz", "hello", "is not a .npz file, or damaged"),
        ("data.parquet", "hello", "can't be read as Parquet"),
        ("data.xls", "hello", "give digits, or a file that ends in .npz, .csv, .parquet"),
    ],
)
def test_files_that_can_not_be_used(name: str, content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TrainingError) as caught:
        _load(tmp_path / name, None if name == "data.npz" else "kind")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_such_file_and_no_target(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"nothing\.csv can't be read: No such file or directory"):
        _load(tmp_path / "nothing.csv")
    (tmp_path / "data.csv").write_text(CSV)
    with pytest.raises(TrainingError, match="name the column to predict with --target; there are width, height, kind"):
        _load(tmp_path / "data.csv", None)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TrainingError, match="can't be read"):
        _load(tmp_path / "folder.csv")


X, Y = np.zeros((4, 3)), np.array([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X}, "expected arrays x_train and y_train, or X and y; found a"),
        ({}, "found nothing"),
        ({"X": X, "y": Y[:3]}, "y has the shape (3,), but X has 4 rows"),
        ({"X": X, "y": np.eye(4)}, "y has the shape (4, 4), but X has 4 rows"),
        ({"X": X[:, 0], "y": Y}, "X has the shape (4,); expected one row for each example"),
        ({"X": np.full((4, 3), np.nan), "y": Y}, "NaN, infinity or a number too large for float32: first in row 0"),
        ({"X": X.astype(str), "y": Y}, "the data hold <U32 values; only numbers"),
        ({"X": X.astype(complex), "y": Y}, "the data hold complex128 values"),
        ({"X": X[:0], "y": Y[:0]}, "the data have no rows"),
        ({"X": X, "y": np.zeros(4)}, "the targets are all"),
        ({"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1}, "y_test holds a class that y_train does not"),
        ({"x_train": X, "y_train": Y, "x_test": X[:, :2], "y_test": Y}, "x_train has 3 values a row, x_test 2"),
        ({"X": X, "y": np.array([None, "a", None, "a"])}, "holds pickled objects, which are never loaded"),
        ({"X": np.array([[1], [1, 2]], object), "y": Y[:2]}, "holds pickled objects"),
    ],
)
def test_arrays_that_can_not_be_used(arrays: dict[str, np.ndarray], message: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", **arrays)  # type: ignore[arg-type]
    with pytest.raises(TrainingError) as caught:
        _load(tmp_path / "data.npz", None)
    assert message in str(caught.value)


def test_a_target_is_for_tables(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", X=X, y=Y)
    with pytest.raises(TrainingError, match="--target names a column of a table"):
        _load(tmp_path / "data.npz", "kind")
