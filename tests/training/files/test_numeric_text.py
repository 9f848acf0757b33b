from pathlib import Path

from tests.helpers.datasets import load_file


def test_what_keeps_a_column_from_being_numbers_is_said(tmp_path: Path) -> None:
    rows = [f"{'oops' if i == 250 else i / 8};{i // 8},{i % 8};w{i % 3};{i / 9};{i % 2}\n" for i in range(300)]
    (tmp_path / "data.csv").write_text("a;b;word;c;kind\n" + "".join(rows))
    assert [note for note in load_file(tmp_path / "data.csv").notes if "is text" in note] == [
        "column a is text, but 299 of 300 values are numbers: the first other value is in row 251",
        "column b is text, but its values are numbers with decimal commas: write them with points",
    ]
