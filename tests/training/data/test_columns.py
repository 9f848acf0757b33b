from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

from nn import Boolean, Category, Number
from tests.helpers.datasets import CSV, load_file, write_csv
from training import TrainingError
from training.config import Config
from training.data.load import Source, load_dataset, training_source


def test_columns_of_every_kind(tmp_path: Path) -> None:
    lines = ["id,count,level,share,word,flag,day,moment,same,empty,name,kind"]
    lines += [
        f"{i + 7},{i * i},{i % 4},{i % 30 / 7},{'xyz'[i % 3]},{str(i % 2 == 0).lower()},2024-01-{i % 28 + 1:02},"
        f"2024-01-{i % 28 + 1:02}T{i % 24:02}:00:00Z,5,,n{i},{'ab'[i % 2]}"
        for i in range(60)
    ]
    (tmp_path / "data.csv").write_text("\n".join(lines))
    data = load_file(tmp_path / "data.csv")
    assert {column.name: column.kind for column in data.features.columns} == {
        "count": "number",
        "level": "number",
        "share": "number",
        "word": "category",
        "flag": "boolean",
        "day": "date",
        "moment": "date",
    }
    assert data.features.dropped == ("id", "same", "empty", "name")
    for note in (
        "column id dropped: it looks like a row number or an identifier (every value is a unique integer);"
        " --numbers id keeps it",
        "column same dropped: all values are the same",
        "column empty dropped: all values are missing",
        "column name dropped: it looks like an identifier (40 distinct values in 40 rows); --categories name keeps it",
    ):
        assert note in data.notes
    periods = {column.name: column.periods for column in data.features.columns if hasattr(column, "periods")}
    assert periods == {"day": ("year", "week"), "moment": ("year", "week", "day")}


def test_rare_values_of_a_large_category_are_encoded_as_unseen(tmp_path: Path) -> None:
    rows = [f"v{i if i < 9000 else i % 50},{'ab'[i % 2]}" for i in range(30_000)]
    (tmp_path / "data.csv").write_text("\n".join(["word,kind", *rows]))
    data = load_file(tmp_path / "data.csv")
    (word,) = data.features.columns
    assert isinstance(word, Category)
    assert set(word.categories) == {f"v{i}" for i in range(50)}
    assert any("rare values are encoded as unseen, 50 are kept" in note for note in data.notes)


def test_features_are_fitted_to_the_training_set_only(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(CSV)
    before = load_file(tmp_path / "data.csv")
    lines = CSV.splitlines()
    for split in (before.validation, before.test):
        for row in split.rows:
            lines[row + 1] = f"1000,1e6,{lines[row + 1].rpartition(',')[2]}"
    (tmp_path / "data.csv").write_text("\n".join(lines))
    after = load_file(tmp_path / "data.csv")
    assert [c for c in after.features.columns if c.name == "width"] == [
        c for c in before.features.columns if c.name == "width"
    ]


def test_text_without_frequent_values_is_dropped(tmp_path: Path) -> None:
    rows = [f"{i % 20_000},w{i % 20_000},{'yn'[i % 2]}" for i in range(60_000)]
    data = load_dataset(Config(data=write_csv(tmp_path / "t.csv", "a,word,y", rows), target="y"))
    assert [column.name for column in data.features.columns] == ["a"]
    assert any("column word dropped: none of its" in note for note in data.notes)


def test_integers_that_collapse_in_float32_give_a_note(tmp_path: Path) -> None:
    rows = [f"{2**62 + 1000 * (i * 7919 % 400)},{i % 13},{'yn'[i % 2]}" for i in range(400)]
    data = load_dataset(Config(data=write_csv(tmp_path / "t.csv", "far,a,y", rows), target="y"))
    assert any("column far: rounding to float32 leaves only 1 of" in note for note in data.notes)


def test_few_whole_numbers_are_numbers_with_an_input_of_their_own_for_each(tmp_path: Path) -> None:
    rows = [f"{2016 + i % 9},{i % 2},{i % 7}" for i in range(90)]
    path = write_csv(tmp_path / "t.csv", "year,flag,y", rows)
    year, flag = load_dataset(Config(data=path, target="y", numbers=("flag",))).features.columns
    assert isinstance(year, Number)
    assert year.edges == tuple(range(2016, 2024))
    assert isinstance(flag, Number)
    assert len(flag.transforms) == 1
    year, flag = load_dataset(Config(data=path, target="y", categories=("year", "flag"))).features.columns
    assert isinstance(year, Category)
    assert year.categories == tuple(str(value) for value in range(2016, 2025))
    assert isinstance(flag, Category)


def test_zero_and_one_mean_false_and_true(tmp_path: Path) -> None:
    rows = [f"{i % 2},{'' if i % 9 == 0 else i % 2}.0,{i % 3},{i % 7}" for i in range(90)]
    rows = [row.replace(",.0", ",") for row in rows]
    data = load_dataset(Config(data=write_csv(tmp_path / "t.csv", "flag,maybe,level,y", rows), target="y"))
    assert data.features.columns[:2] == (Boolean("flag", numbers=True), Boolean("maybe", missing=True, numbers=True))
    assert isinstance(data.features.columns[2], Number)
    assert "column flag has only 0 and 1, which mean false and true; --numbers flag reads numbers" in data.notes
    codes = data.train.codes[:, :2]
    np.testing.assert_equal(np.unique(codes), [0, 1, np.nan])


def test_categories_that_are_no_columns_are_refused(tmp_path: Path) -> None:
    rows = [f"{i % 5},{'' if i % 3 else 'x'},2024-01-{i % 28 + 1:02},{i % 2}" for i in range(60)]
    path = write_csv(tmp_path / "t.csv", "a,word,day,y", rows)
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"categories": ("a", "b")}, "categories: there is no column 'b'; the columns are a, word, day, y"),
        ({"drop": ("b",)}, "drop: there is no column 'b'"),
        ({"drop": ("y",)}, "drop: y is the target"),
        ({"drop": ("a",), "numbers": ("a",)}, "column a is named twice in drop, numbers, categories, dates"),
        ({"numbers": ("word",)}, "numbers: column word contains other text, such as 'x' in row 1"),
        ({"dates": ("word",)}, "dates: column word contains other text, such as 'x' in row 1"),
        ({"dates": ("a",)}, "dates: column a contains other text, such as '0' in row 1"),
        ({"numbers": ("day",)}, "numbers: column day contains other text, such as '2024-01-01' in row 1"),
    ]
    for settings, message in wrong:
        with pytest.raises(TrainingError, match=message):
            load_dataset(Config(data=path, target="y", **settings))
    with pytest.raises(TrainingError, match="remove --categories; digits is a data set of images"):
        load_dataset(Config(data="digits", categories=("x1",)))
    frame = pyarrow.table({"day": [datetime(2024, 1, i % 28 + 1) for i in range(60)], "y": [i % 2 for i in range(60)]})
    wrong = [
        ({"categories": ("day",)}, "categories: column day contains dates, which can't be categories"),
        ({"numbers": ("day",)}, r"numbers: column day contains timestamp\[us\] values"),
    ]
    for settings, message in wrong:
        with pytest.raises(TrainingError, match=message):
            training_source(Config(data="frame", target="y", **settings), Source.of_frame(frame))
