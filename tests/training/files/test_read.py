"""Unreadable files are refused with a one-line error."""

from pathlib import Path

import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.helpers.datasets import CSV, load_file
from training import TrainingError
from training.files import csv as csv_files
from training.files.read import read_file
from training.files.table import INTEGER, TEXT, ReadOptions, Table
from training.text.choices import Choices
from training.text.typed_table import read_types


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("data.csv", "", "is empty"),
        ("data.csv", "width,kind\n", "has a header but no rows"),
        ("data.csv", "width,height\n1,2\n", "has no column 'kind'; the columns are width, height"),
        ("data.csv", "kind\na\nb\na\nb\n", "has no column besides the target kind"),
        ("data.csv", CSV + "1,2\n", "line 22: expected 3 values, got 2"),
        ("data.csv", CSV + "1,2,odd,4\n", "line 22: expected 3 values, got 4"),
        ("data.csv", CSV + "inf,2,odd\n", "column width contains inf; expected finite numbers in the range of float32"),
        ("data.csv", CSV + "1e39,2,odd\n", "column width contains 1e+39; expected finite numbers"),
        ("data.csv", CSV.replace("odd", "even"), "all targets are even; at least two distinct values are required"),
        ("data.csv", CSV + "1,2,rare\n", "class 'rare' has only one row"),
        ("data.csv", "width,kind\n1,\n2,?\n", "all values of the target kind are missing"),
        (
            "data.csv",
            "width,kind\n1,2024-01-01\n2,2024-01-02\n",
            "the target kind contains dates; only classes and numbers can be predicted",
        ),
        ("data.csv", "width,kind\n" + "7,a\n7,b\n" * 9, "no column is left to train on: column width dropped"),
        ("data.csv", "\n\n\n", "is empty"),
        (
            "data.csv",
            '"width,kind\n' + "1.5,a\n" * 30_000,
            "line 1: field larger than field limit (131072): check for an unclosed quote",
        ),
        ("data.csv", "a,a,kind\n1,2,x\n", "has duplicate column names: a, a, kind"),
        ("data.npz", "hello", "is not a .npz file or is damaged"),
        ("data.parquet", "hello", "can't be read as Parquet"),
        ("data.xls", "hello", "unknown file type; expected .npz, .csv, .tsv"),
    ],
)
def test_invalid_files_are_refused(name: str, content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(TrainingError) as caught:
        load_file(tmp_path / name, None if name == "data.npz" else "kind")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_a_missing_target_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"nothing\.csv can't be read: No such file or directory"):
        load_file(tmp_path / "nothing.csv")
    (tmp_path / "data.csv").write_text(CSV)
    with pytest.raises(
        TrainingError, match="set --target to the column to predict; the columns are width, height, kind"
    ):
        load_file(tmp_path / "data.csv", None)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TrainingError, match="can't be read"):
        load_file(tmp_path / "folder.csv")


@pytest.mark.parametrize("name", ["data.csv", "data.parquet"])
def test_only_requested_columns_are_read(name: str, tmp_path: Path) -> None:
    content = pyarrow.table({"a": range(300), "b": range(300), "c": ["x", "y", "z"] * 100})
    if name == "data.csv":
        pyarrow.csv.write_csv(content, tmp_path / name)
    else:
        pyarrow.parquet.write_table(content, tmp_path / name)
    table = read_file(tmp_path / name, ReadOptions(["c", "a", "d"]))
    assert isinstance(table, Table)
    assert list(table.types) == ["a", "b", "c"]
    assert [set(block.column_names) for block in table.stored_blocks(["c", "a"])] == [{"a", "c"}]
    typed = read_types(table, Choices(drop=("b",)), "c")
    assert (typed.rows, typed.types) == (300, {"a": INTEGER, "c": TEXT})
    (block,) = typed.blocks(["c", "a"])
    assert block.equals(content.select(["c", "a"]))


def test_the_type_of_a_column_is_inferred_from_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 200)
    rows = [f"{i},{i},{i % 2},{i % 2 == 0}\n" for i in range(500)] + ["0.5,nothing,true,FALSE\n"]
    (tmp_path / "data.csv").write_text("a,b,c,d\n" + "".join(rows))
    table = read_file(tmp_path / "data.csv")
    assert isinstance(table, Table)
    types = read_types(table, Choices(), "d").types
    assert [str(data_type) for data_type in types.values()] == ["double", "string", "string", "bool"]
