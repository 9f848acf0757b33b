from pathlib import Path

from nn import Category
from tests.helpers.datasets import CSV, load_file, write_csv
from training.config import Config
from training.data.load import load_dataset


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
    data = load_file(tmp_path / "data.csv")
    (word,) = data.features.columns
    assert isinstance(word, Category)
    assert set(word.categories) == {f"v{i}" for i in range(50)}
    assert any("rare values are taken for unseen ones, 50 are kept" in note for note in data.notes)


def test_only_the_training_part_decides(tmp_path: Path) -> None:
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


def test_text_that_never_comes_twice_often_enough(tmp_path: Path) -> None:
    rows = [f"{i % 20_000},w{i % 20_000},{'yn'[i % 2]}" for i in range(60_000)]
    data = load_dataset(Config(data=write_csv(tmp_path / "t.csv", "a,word,y", rows), target="y"))
    assert [column.name for column in data.features.columns] == ["a"]
    assert any("column word is dropped: none of its" in note for note in data.notes)


def test_whole_numbers_that_float32_can_not_tell_apart(tmp_path: Path) -> None:
    rows = [f"{2**62 + 1000 * (i * 7919 % 400)},{i % 13},{'yn'[i % 2]}" for i in range(400)]
    data = load_dataset(Config(data=write_csv(tmp_path / "t.csv", "far,a,y", rows), target="y"))
    assert any("column far: in float32 only 1 of" in note for note in data.notes)
