from pathlib import Path

from tests.helpers.datasets import load_file


def test_a_nearly_numeric_text_column_gives_a_warning(tmp_path: Path) -> None:
    rows = [f"{'oops' if i == 250 else i / 8};{i // 8},{i % 8};w{i % 3};{i / 9};{i % 2}\n" for i in range(300)]
    (tmp_path / "data.csv").write_text("a;b;word;c;kind\n" + "".join(rows))
    assert [note for note in load_file(tmp_path / "data.csv").notes if "as text" in note] == [
        "column a is read as text, although 299 of 300 values are numbers; the first other value is in row 251",
        "column b is read as text: its numbers have decimal commas; replace them with decimal points",
    ]
