from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from tests.helpers.datasets import load_file
from training import TrainingError


def test_parquet_types_become_column_kinds(tmp_path: Path) -> None:
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
    data = load_file(tmp_path / "data.parquet")
    assert [(column.name, column.kind, column.missing) for column in data.features.columns] == [
        ("a", "number", False),
        ("b", "number", True),
        ("c", "category", False),
        ("v", "category", False),
        ("d", "date", False),
    ]
    assert data.targets.labels == (False, True)
    pyarrow.parquet.write_table(table.append_column("e", [[[1]] * 20]), tmp_path / "nested.parquet")
    with pytest.raises(
        TrainingError, match=r"column e contains list<.*> values; expected numbers, text, booleans or dates"
    ):
        load_file(tmp_path / "nested.parquet")


def test_damaged_and_empty_parquet_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.parquet"
    table = pyarrow.table({"a": [i / 7 for i in range(30)], "kind": [0, 1, 2] * 10})
    pyarrow.parquet.write_table(table[:0], path)
    with pytest.raises(TrainingError, match="has no rows"):
        load_file(path)
    pyarrow.parquet.write_table(table, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 40 + whole[44:])
    with pytest.raises(TrainingError, match="is damaged: "):
        load_file(path)
