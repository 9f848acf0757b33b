"""CSV files: delimiters, headers, quotes, encodings."""

from pathlib import Path

import numpy as np
import pytest

from tests.helpers.datasets import CSV, codes_of, column_names, load_file
from training import TrainingError
from training.files import csv as csv_files
from training.files.read import read_file
from training.files.table import Table


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_is_read_with_each_delimiter(delimiter: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(CSV.replace(",", delimiter))
    data = load_file(tmp_path / "data.csv")
    assert column_names(data) == ["width", "height"]
    assert data.targets.labels == ("even", "odd")
    assert [len(split) for split in (data.train, data.validation, data.test)] == [14, 2, 4]
    for split in (data.train, data.validation, data.test):
        np.testing.assert_array_equal(codes_of(split)[:, 1] % 2, split.y)
    assert data.source["source"] == "data.csv"
    assert len(data.source["sha256"]) == 64


def test_csv_with_byte_order_mark_crlf_spaces_and_quotes(tmp_path: Path) -> None:
    lines = [
        '\ufeff width,"height, in all", kind ',
        *(f"{i}.5, {i} , {'odd' if i % 2 else 'even'} " for i in range(20)),
    ]
    (tmp_path / "data.csv").write_bytes("\r\n".join(lines).encode())
    data = load_file(tmp_path / "data.csv")
    assert column_names(data) == ["width", "height, in all"]
    assert data.targets.labels == ("even", "odd")


def test_csv_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("".join(f"{i}.5,{'odd' if i % 2 else 'even'}\n" for i in range(20)))
    data = load_file(tmp_path / "data.csv", "c2")
    assert column_names(data) == ["c1"]
    assert len(data.train.codes) == 20
    (tmp_path / "words.csv").write_text("".join(f"w{i % 3},{'odd' if i % 2 else 'even'}\n" for i in range(20)))
    assert column_names(load_file(tmp_path / "words.csv", "c2", header=False)) == ["c1"]
    with pytest.raises(TrainingError, match="has no column 'c2'; the columns are w0, even"):
        load_file(tmp_path / "words.csv", "c2")
    (tmp_path / "semicolons.csv").write_text("".join(f"{i},5;{'odd' if i % 2 else 'even'}\n" for i in range(20)))
    assert len(column_names(load_file(tmp_path / "semicolons.csv", "c2", delimiter=";", header=False))) == 1


@pytest.mark.parametrize(
    ("header", "row", "names"),
    [
        (",a,b,kind", "{i},{i}.5,x{j},{j}", ["a", "b"]),  # the unnamed index column of pandas
        ("a,b,kind,", "{i}.5,x{j},{j},", ["a", "b"]),
        ("2019,2020,kind", "{i}.5,x{j},{j}", ["2019", "2020"]),
        ("2019,,kind,", "{i}.5,x{j},{j},", ["2019", "column 2"]),
    ],
)
def test_names_may_be_empty_or_numbers(header: str, row: str, names: list[str], tmp_path: Path) -> None:
    rows = [row.format(i=i, j=i % 3) for i in range(30)]
    (tmp_path / "data.csv").write_text("\n".join([header, *rows]))
    data = load_file(tmp_path / "data.csv")
    assert column_names(data) == names
    assert data.targets.labels == (0, 1, 2)


def test_an_unnamed_column_gets_a_name(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(",a,b\n0,1.5,x\n1,2.5,y\n")
    with pytest.raises(TrainingError, match="the columns are column 1, a, b"):
        load_file(tmp_path / "data.csv")


def test_newlines_within_quotes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file has many blocks, some of which end within quotes."""
    monkeypatch.setattr(csv_files, "BLOCK_BYTES", 300)
    rows = "".join(f'{i}.5,"{"lorem " * (i % 9)}\n{"ipsum " * 5}",{i % 2}\n' for i in range(200))
    (tmp_path / "data.csv").write_text("a,text,kind\n" + rows)
    assert len(load_file(tmp_path / "data.csv").train.codes) == 200


def test_leading_empty_lines_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("\n \n" + CSV)
    assert column_names(load_file(tmp_path / "data.csv")) == ["width", "height"]
    (tmp_path / "data.csv").write_text("\n\n" + CSV.partition("\n")[2])
    assert len(load_file(tmp_path / "data.csv", "c3").train.codes) == 20


def test_other_encodings_than_utf8_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes("a,kind\n1,ä\n2,ö\n".encode("latin-1"))
    with pytest.raises(TrainingError, match="invalid UTF8 data: save the file as UTF-8"):
        load_file(tmp_path / "data.csv")

    (tmp_path / "data.csv").write_bytes(CSV.replace("width", "größe").encode("latin-1"))
    with pytest.raises(TrainingError, match="line 1: invalid UTF8 data: save the file as UTF-8"):
        load_file(tmp_path / "data.csv")
    (tmp_path / "data.csv").write_bytes(CSV.encode("utf-16"))
    with pytest.raises(TrainingError, match="is encoded in UTF-16: save the file as UTF-8"):
        load_file(tmp_path / "data.csv")


@pytest.mark.parametrize(
    ("header", "row", "names"),
    [
        ("a;price (EUR, net);kind", "{i}.5;{i};{j}", ["a", "price (EUR, net)"]),
        ("a;b;kind", "{i},5;{i},25;{j}", None),
        ("a,b; or c,kind", "{i}.5,{i},{j}", None),
        ('a,"b;\nc",kind', "{i}.5,{i},{j}", ["a", "b;\nc"]),
    ],
)
def test_the_delimiter_is_detected_from_lines(header: str, row: str, names: list[str] | None, tmp_path: Path) -> None:
    rows = [row.format(i=i * i, j=i % 2) for i in range(40)]
    (tmp_path / "data.csv").write_text("\n".join([header, *rows]))
    table = read_file(tmp_path / "data.csv")
    assert isinstance(table, Table)
    assert len(table.types) == 3
    assert names is None or list(table.types)[:2] == names
