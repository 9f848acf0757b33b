from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from nn import Category
from training import TrainingError
from training.config import Config
from training.data.dataset import DataSet, Split
from training.data.load import load_dataset
from training.files import csv as csv_files
from training.files.read import read_file
from training.files.table import Table

CSV = "width,height,kind\n" + "".join(f"{i % 7}.5,{i},{'odd' if i % 2 else 'even'}\n" for i in range(20))


def _load(path: Path, target: str | None = "kind", **settings: Any) -> DataSet:
    return load_dataset(Config(data=str(path), target=target, **settings))


def _codes(split: Split) -> np.ndarray:
    return np.asarray(split.codes[split.rows])


def _names(data: DataSet) -> list[str]:
    return [column.name for column in data.features.columns]


def test_digits() -> None:
    digits = load_dataset(Config(data="digits", seed=3))
    assert [len(split) for split in (digits.train, digits.validation, digits.test)] == [1222, 216, 359]
    assert digits.image == (8, 8)
    assert digits.targets.labels == tuple(range(10))
    shares = [np.bincount(split.y) / len(split) for split in (digits.train, digits.validation, digits.test)]
    np.testing.assert_allclose(shares, [shares[0]] * 3, atol=0.01)  # stratified
    every = np.concatenate([split.rows for split in (digits.train, digits.validation, digits.test)])
    np.testing.assert_array_equal(np.sort(every), np.arange(1797))
    again, other = load_dataset(Config(data="digits", seed=3)), load_dataset(Config(data="digits", seed=4))
    np.testing.assert_array_equal(again.test.rows, digits.test.rows)
    assert not np.array_equal(other.test.rows, digits.test.rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv(delimiter: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(CSV.replace(",", delimiter))
    data = _load(tmp_path / "data.csv")
    assert _names(data) == ["width", "height"]
    assert data.targets.labels == ("even", "odd")
    assert [len(split) for split in (data.train, data.validation, data.test)] == [14, 2, 4]
    for split in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(_codes(split)[:, 1] % 2, split.y)
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
    assert _names(data) == ["width", "height, in all"]
    assert data.targets.labels == ("even", "odd")


def test_csv_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("".join(f"{i}.5,{'odd' if i % 2 else 'even'}\n" for i in range(20)))
    data = _load(tmp_path / "data.csv", "c2")
    assert _names(data) == ["c1"]
    assert len(data.train.codes) == 20
    (tmp_path / "words.csv").write_text("".join(f"w{i % 3},{'odd' if i % 2 else 'even'}\n" for i in range(20)))
    assert _names(_load(tmp_path / "words.csv", "c2", header=False)) == ["c1"]
    with pytest.raises(TrainingError, match="has no column 'c2'; there are w0, even"):
        _load(tmp_path / "words.csv", "c2")
    (tmp_path / "semicolons.csv").write_text("".join(f"{i},5;{'odd' if i % 2 else 'even'}\n" for i in range(20)))
    assert len(_names(_load(tmp_path / "semicolons.csv", "c2", delimiter=";", header=False))) == 1


@pytest.mark.parametrize(
    ("header", "row", "names"),
    [
        (",a,b,kind", "{i},{i}.5,x{j},{j}", ["a", "b"]),  # the index that pandas writes
        ("a,b,kind,", "{i}.5,x{j},{j},", ["a", "b"]),
        ("2019,2020,kind", "{i}.5,x{j},{j}", ["2019", "2020"]),
        ("2019,,kind,", "{i}.5,x{j},{j},", ["2019", "column 2"]),
    ],
)
def test_names_may_be_empty_or_numbers(header: str, row: str, names: list[str], tmp_path: Path) -> None:
    rows = [row.format(i=i, j=i % 3) for i in range(30)]
    (tmp_path / "data.csv").write_text("\n".join([header, *rows]))
    data = _load(tmp_path / "data.csv")
    assert _names(data) == names
    assert data.targets.labels == (0, 1, 2)


def test_an_empty_name_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(",a,b\n0,1.5,x\n1,2.5,y\n")
    with pytest.raises(TrainingError, match="there are column 1, a, b"):
        _load(tmp_path / "data.csv")


def test_line_ends_within_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file of many blocks, too, some of which end within quotes."""
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 300)
    rows = "".join(f'{i}.5,"{"lorem " * (i % 9)}\n{"ipsum " * 5}",{i % 2}\n' for i in range(200))
    (tmp_path / "data.csv").write_text("a,text,kind\n" + rows)
    assert len(_load(tmp_path / "data.csv").train.codes) == 200


def test_csv_that_begins_with_empty_lines(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("\n \n" + CSV)
    assert _names(_load(tmp_path / "data.csv")) == ["width", "height"]
    (tmp_path / "data.csv").write_text("\n\n" + CSV.partition("\n")[2])
    assert len(_load(tmp_path / "data.csv", "c3").train.codes) == 20


def test_a_delimiter_that_none_can_be() -> None:
    for delimiter in ("§", '"', "\n", "ab"):
        with pytest.raises(TrainingError, match="one ASCII character"):
            Config.read(None, {"data": "digits", "delimiter": delimiter})


def test_damaged_and_empty_parquet(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    table = pyarrow.table({"a": [i / 7 for i in range(30)], "kind": [0, 1, 2] * 10})
    pyarrow.parquet.write_table(table[:0], path)
    with pytest.raises(TrainingError, match="has no rows"):
        _load(path)
    pyarrow.parquet.write_table(table, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 40 + whole[44:])
    with pytest.raises(TrainingError, match="is damaged: "):
        _load(path)


def test_what_keeps_a_column_from_being_numbers_is_said(tmp_path: Path) -> None:
    rows = [f"{'oops' if i == 250 else i / 8};{i // 8},{i % 8};w{i % 3};{i / 9};{i % 2}\n" for i in range(300)]
    (tmp_path / "data.csv").write_text("a;b;word;c;kind\n" + "".join(rows))
    assert [note for note in _load(tmp_path / "data.csv").notes if "is text" in note] == [
        "column a is text, but 299 of 300 values are numbers: the first other value is in row 251",
        "column b is text, but its values are numbers with decimal commas: write them with points",
    ]


def test_parquet(tmp_path: Path) -> None:
    table = pyarrow.table(
        {
            "a": pyarrow.array([1, 2, 3, 4] * 5, pyarrow.int8()),
            "b": [0.5, 1.5, float("nan"), 3.5] * 5,
            "c": pyarrow.array(["x", "y"] * 10).dictionary_encode(),
            "v": pyarrow.array(["x", "y"] * 10, pyarrow.string_view()),
            "d": pyarrow.array([0, 1, 20, 300] * 5, pyarrow.date32()),
            "kind": [True, False] * 10,
        }
    )
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    data = _load(tmp_path / "data.parquet")
    assert [(column.name, column.kind, column.missing) for column in data.features.columns] == [
        ("a", "category", False),
        ("b", "number", True),
        ("c", "category", False),
        ("v", "category", False),
        ("d", "date", False),
    ]
    assert data.targets.labels == (False, True)
    pyarrow.parquet.write_table(table.append_column("e", [[[1]] * 20]), tmp_path / "nested.parquet")
    with pytest.raises(
        TrainingError, match=r"column e holds list<.*> values; expected numbers, text, booleans or dates"
    ):
        _load(tmp_path / "nested.parquet")


def test_npz_in_the_layout_of_keras(tmp_path: Path) -> None:
    x = np.arange(40 * 4, dtype=np.uint8).reshape(40, 2, 2)
    y = np.arange(40) % 2 + 5
    np.savez(tmp_path / "data.npz", x_train=x, y_train=y.reshape(-1, 1), x_test=x[:10], y_test=y[:10])
    data = _load(tmp_path / "data.npz", None)
    assert [len(split) for split in (data.train, data.validation, data.test)] == [34, 6, 10]
    assert data.train.codes.dtype == np.uint8  # not four times that
    assert data.targets.labels == (5, 6)
    np.testing.assert_array_equal(data.test.y, np.arange(10) % 2)
    np.testing.assert_array_equal(_codes(data.test), x[:10].reshape(10, 4))


@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_with_x_and_y(order: Any, tmp_path: Path) -> None:
    x = np.array(np.random.default_rng(0).normal(size=(20, 3)), order=order)
    np.savez_compressed(tmp_path / "data.npz", X=x, y=np.array(["a", "b"] * 10))
    data = _load(tmp_path / "data.npz", None)
    assert _names(data) == ["x0", "x1", "x2"]
    assert data.targets.labels == ("a", "b")
    np.testing.assert_array_equal(data.train.codes, x.astype(np.float32))


def test_constant_grids_are_zero(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", X=np.full((10, 2, 2), 7, np.uint8), y=np.arange(10) % 2)
    data = _load(tmp_path / "data.npz", None)
    assert not data.features.inputs(_codes(data.train)).any()


@pytest.mark.parametrize(
    ("targets", "task", "labels"),
    [
        (["a", "b"], "classification", ("a", "b")),
        (["1", "2"], "classification", (1, 2)),
        (["1.0", "2.0"], "classification", (1.0, 2.0)),
        (["true", "false"], "classification", (False, True)),
        (["0.5", "1.5"], "regression", ()),
        ([str(i) for i in range(21)], "regression", ()),
    ],
)
def test_the_task_is_found_from_the_target(targets: list[str], task: str, labels: Any, tmp_path: Path) -> None:
    rows = [f"{i % 7}.5,{target}" for i, target in enumerate(targets * 8)]
    (tmp_path / "data.csv").write_text("\n".join(["a,kind", *rows]))
    data = _load(tmp_path / "data.csv")
    assert data.targets.task == task
    assert data.targets.labels == labels
    assert [type(label) for label in data.targets.labels] == [type(label) for label in labels]


def test_the_task_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,kind\n" + "".join(f"{i % 7}.5,{i % 3}\n" for i in range(30)))
    data = _load(tmp_path / "data.csv", task="regression")
    assert data.targets.task == "regression"
    assert data.train.y.dtype == np.float32


def test_rows_without_a_target_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(CSV + "1,2, ?\n3,4,\n")
    data = _load(tmp_path / "data.csv")
    assert len(data.train.codes) == 20
    assert data.notes == ["2 rows have no kind and are left out"]


def test_what_no_training_row_lacks_no_other_may_lack(tmp_path: Path) -> None:
    """The service would refuse such a row; so it can't test the model."""
    rows = CSV.splitlines()
    for line in range(1, 21):
        changed = [*rows]
        changed[line] = "," + changed[line].partition(",")[2]
        (tmp_path / "data.csv").write_text("\n".join(changed))
        data = _load(tmp_path / "data.csv")
        (width, _) = data.features.columns
        left_out = "1 rows lack values that no training row lacks, and are left out" in data.notes
        assert left_out != width.missing
        assert sum(len(split) for split in (data.train, data.validation, data.test)) == 20 - left_out


def test_columns_of_every_kind(tmp_path: Path) -> None:
    lines = ["id,count,level,share,word,flag,day,moment,same,empty,name,kind"]
    lines += [
        f"{i + 7},{i * i},{i % 4},{i % 30 / 7},{'xyz'[i % 3]},{str(i % 2 == 0).lower()},2024-01-{i % 28 + 1:02},"
        f"2024-01-{i % 28 + 1:02}T{i % 24:02}:00:00Z,5,,n{i},{'ab'[i % 2]}"
        for i in range(60)
    ]
    (tmp_path / "data.csv").write_text("\n".join(lines))
    data = _load(tmp_path / "data.csv")
    assert {column.name: column.kind for column in data.features.columns} == {
        "count": "number",
        "level": "category",
        "share": "number",
        "word": "category",
        "flag": "boolean",
        "day": "date",
        "moment": "date",
    }
    assert data.features.dropped == ("id", "same", "empty", "name")
    for note in (
        "column id is dropped: it numbers the rows",
        "column same is dropped: all its values are the same",
        "column empty is dropped: it has no values",
        "column name is dropped: it names its row (40 different values in 40 rows)",
    ):
        assert note in data.notes
    periods = {column.name: column.periods for column in data.features.columns if hasattr(column, "periods")}
    assert periods == {"day": ("year", "week"), "moment": ("year", "week", "day")}


def test_a_category_of_ten_thousand_values(tmp_path: Path) -> None:
    rows = [f"v{i if i < 9000 else i % 50},{'ab'[i % 2]}" for i in range(30_000)]
    (tmp_path / "data.csv").write_text("\n".join(["word,kind", *rows]))
    data = _load(tmp_path / "data.csv")
    (word,) = data.features.columns
    assert isinstance(word, Category)
    assert set(word.categories) == {f"v{i}" for i in range(50)}
    assert any("rare values are taken for unseen ones, 50 are kept" in note for note in data.notes)


def test_only_the_training_part_decides(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(CSV)
    before = _load(tmp_path / "data.csv")
    lines = CSV.splitlines()
    for split in (before.validation, before.test):
        for row in split.rows:
            lines[row + 1] = f"1000,1e6,{lines[row + 1].rpartition(',')[2]}"
    (tmp_path / "data.csv").write_text("\n".join(lines))
    after = _load(tmp_path / "data.csv")
    assert [c for c in after.features.columns if c.name == "width"] == [
        c for c in before.features.columns if c.name == "width"
    ]


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes("a,kind\n1,ä\n2,ö\n".encode("latin-1"))
    with pytest.raises(TrainingError, match="invalid UTF8 data: save the file as UTF-8"):
        _load(tmp_path / "data.csv")

    (tmp_path / "data.csv").write_bytes(CSV.replace("width", "größe").encode("latin-1"))
    with pytest.raises(TrainingError, match="line 1: invalid UTF8 data: save the file as UTF-8"):
        _load(tmp_path / "data.csv")
    (tmp_path / "data.csv").write_bytes(CSV.encode("utf-16"))
    with pytest.raises(TrainingError, match="is written in UTF-16: save the file as UTF-8"):
        _load(tmp_path / "data.csv")


@pytest.mark.parametrize(
    ("header", "row", "names"),
    [
        ("a;price (EUR, net);kind", "{i}.5;{i};{j}", ["a", "price (EUR, net)"]),
        ("a;b;kind", "{i},5;{i},25;{j}", None),
        ("a,b; or c,kind", "{i}.5,{i},{j}", None),
        ('a,"b;\nc",kind', "{i}.5,{i},{j}", ["a", "b;\nc"]),
    ],
)
def test_the_delimiter_is_found_from_many_lines(header: str, row: str, names: list[str] | None, tmp_path: Path) -> None:
    rows = [row.format(i=i * i, j=i % 2) for i in range(40)]
    (tmp_path / "data.csv").write_text("\n".join([header, *rows]))
    table = read_file(tmp_path / "data.csv")
    assert isinstance(table, Table)
    assert len(table.types) == 3
    assert names is None or list(table.types)[:2] == names


@pytest.mark.parametrize(
    ("task", "target", "message"),
    [
        ("classification", "{i}.5", "the targets are not classes but fractions: try --task regression"),
        ("regression", "w{i}", "the targets are not numbers, such as w0; a regression needs numbers"),
        ("regression", "1e{i}9", "is NaN, infinite or too large for float32"),
    ],
)
def test_targets_that_do_not_fit_the_task(task: str, target: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,kind\n" + "".join(f"{i}.5,{target.format(i=i)}\n" for i in range(9)))
    with pytest.raises(TrainingError, match=message):
        _load(tmp_path / "data.csv", task=task)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.csv", "", "is empty"),
        ("data.csv", "width,kind\n", "has a header but no rows"),
        ("data.csv", "width,height\n1,2\n", "has no column 'kind'; there are width, height"),
        ("data.csv", "kind\na\nb\na\nb\n", "has no column beside the target kind"),
        ("data.csv", CSV + "1,2\n", "line 22: 2 values, but there are 3 columns"),
        ("data.csv", CSV + "1,2,odd,4\n", "line 22: 4 values, but there are 3 columns"),
        ("data.csv", CSV + "inf,2,odd\n", "column width holds inf: infinity or a number too large for float32"),
        ("data.csv", CSV + "1e39,2,odd\n", "column width holds 1e+39: infinity or a number too large"),
        ("data.csv", CSV.replace("odd", "even"), "the targets are all even: there is nothing to tell apart"),
        ("data.csv", CSV + "1,2,rare\n", "class 'rare' has one row only"),
        ("data.csv", "width,kind\n1,\n2,?\n", "all values of the target kind are missing"),
        (
            "data.csv",
            "width,kind\n1,2024-01-01\n2,2024-01-02\n",
            "the target kind holds dates, which can't be predicted",
        ),
        ("data.csv", "width,kind\n" + "7,a\n7,b\n" * 9, "no column is left to learn from: column width is dropped"),
        ("data.csv", "\n\n\n", "is empty"),
        (
            "data.csv",
            '"width,kind\n' + "1.5,a\n" * 30_000,
            "line 1: field larger than field limit (131072): is a quote",
        ),
        ("data.csv", "a,a,kind\n1,2,x\n", "has two columns of the same name: a, a, kind"),
        ("data.npz", "hello", "is not a .npz file, or damaged"),
        ("data.parquet", "hello", "can't be read as Parquet"),
        ("data.xls", "hello", "expected a file that ends in .npz, .csv, .parquet"),
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
        ({"X": X, "y": np.array([b"a", b"b"] * 2)}, "the targets are |S1 values"),
        ({"X": X, "y": np.zeros(4)}, "the targets are all"),
        (
            {"x_train": X, "y_train": Y, "x_test": X, "y_test": Y + 1},
            "the target 2 is a class that the training part does not have",
        ),
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
