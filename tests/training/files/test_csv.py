"""CSV files: delimiters, headers, quotes, encodings."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest

from tests.helpers.datasets import CSV, codes_of, column_names, load_file
from training import TrainingError
from training.files import csv as csv_files
from training.files.read import read_file
from training.files.table import ReadOptions, Table


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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_is_read_with_and_without_a_mark(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_bytes(CSV.replace("width", "größe").encode(encoding))
    data = load_file(tmp_path / "data.csv")
    assert column_names(data) == ["größe", "height"]
    assert len(data.train.codes) == 20
    (tmp_path / "data.csv").write_bytes(("\ufeff" + CSV).encode("utf-16-be"))
    assert column_names(load_file(tmp_path / "data.csv")) == ["width", "height"]


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


ROWS = [["a", "b", "kind"], *([f"{i}.5", f"w{i % 3}", "xy"[i % 2]] for i in range(30))]


@pytest.mark.parametrize(
    ("before", "row", "names"),
    [
        (["sep=;"], "{};{};{}", ["a", "b"]),
        (["SEP=|"], "{}|{}|{}", ["a", "b"]),
        (["# exported on Monday, by me"], "{};{};{}", ["a", "b"]),
        (["#comment", "", "# another, one"], "{},{},{}", ["a", "b"]),
        (["Sales of all shops", ""], "{},{},{}", ["a", "b"]),
        (["Sales, of all shops"], "{}\t{}\t{}", ["a", "b"]),
        (["Sales of all shops;;", ";;"], "{};{};{}", ["a", "b"]),
        (["sep=;", "Sales", "2024"], "{};{};{}", ["a", "b"]),
        ([], "{},{},{},", ["a", "b"]),
    ],
)
def test_lines_before_the_header_are_skipped(before: list[str], row: str, names: list[str], tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("\n".join([*before, *(row.format(*cells) for cells in ROWS)]))
    data = load_file(tmp_path / "data.csv")
    assert column_names(data) == names
    assert len(data.train.codes) == 30


def test_a_header_may_be_shorter_than_the_rows_by_one(tmp_path: Path) -> None:
    header, *rows = [",".join(cells) for cells in ROWS]
    (tmp_path / "data.csv").write_text("\n".join([header, *(f"{row}," for row in rows)]))
    data = load_file(tmp_path / "data.csv")  # a delimiter at the end of rows only
    assert column_names(data) == ["a", "b"]
    (tmp_path / "data.csv").write_text("\n".join([header, *(f"{i},{row}" for i, row in enumerate(rows, 1))]))
    data = load_file(tmp_path / "data.csv")  # names of rows, as R writes them
    assert column_names(data) == ["a", "b"]
    assert "column column 1 dropped: it is the index of a data frame; --numbers 'column 1' keeps it" in data.notes


def test_a_header_may_begin_with_a_number_sign(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("#" + "\n".join(",".join(cells) for cells in ROWS))
    assert column_names(load_file(tmp_path / "data.csv")) == ["#a", "b"]


@pytest.mark.parametrize("name", ["data.tsv", "data.txt", "data.csv.gz", "data.tsv.gz", "data.TXT"])
def test_text_files_have_several_suffixes(name: str, tmp_path: Path) -> None:
    content = "\n".join("\t".join(cells) for cells in ROWS).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    assert column_names(load_file(tmp_path / name)) == ["a", "b"]


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    content = gzip.compress("\n".join(",".join(cells) for cells in ROWS).encode())
    for damaged in (content[:-30], b"a,kind\n1,x\n", content[:40] + bytes(20) + content[60:]):
        (tmp_path / "data.csv.gz").write_bytes(damaged)
        with pytest.raises(TrainingError, match="can't be read"):
            load_file(tmp_path / "data.csv.gz")


def test_a_header_without_rows_is_refused_everywhere(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,kind\n")
    with pytest.raises(TrainingError, match="has a header but no rows"):
        load_file(tmp_path / "data.csv")


def test_decimal_commas_in_the_first_line_are_no_header(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("".join(f"{i},5;{i % 7},25;{'xy'[i % 2]}\n" for i in range(30)))
    data = load_file(tmp_path / "data.csv", "c3")
    assert column_names(data) == ["c1", "c2"]
    assert len(data.train.codes) == 30


@pytest.mark.parametrize(
    ("header", "names"), [("# rooms,b,kind", ["# rooms", "b"]), ("Report, generated 2024\na,b,kind", ["a", "b"])]
)
def test_a_line_with_a_known_name_is_the_header(header: str, names: list[str], tmp_path: Path) -> None:
    rows = [",".join(cells) for cells in ROWS[1:]]
    (tmp_path / "data.csv").write_text("\n".join([header, *rows]))
    data = load_file(tmp_path / "data.csv")
    assert column_names(data) == names
    assert len(data.train.codes) == 30
    (tmp_path / "one.csv").write_text(",a\n" + "".join(f"{i},{i}.5\n" for i in range(9)))  # a series of pandas
    table = read_file(tmp_path / "one.csv", ReadOptions(["a"]))
    assert isinstance(table, Table)
    assert [*table.types] == ["column 1", "a"]


def test_without_a_header_no_row_is_a_title(tmp_path: Path) -> None:
    rows = [",,x", *(f"{i},{i % 7},{'xy'[i % 2]}" for i in range(30))]
    (tmp_path / "data.csv").write_text("\n".join(rows))
    assert sum(block.num_rows for block in _blocks(tmp_path / "data.csv", header=False)) == 31


def _blocks(path: Path, **options: Any) -> list[pyarrow.Table]:
    table = read_file(path, ReadOptions(**options))
    assert isinstance(table, Table)
    return [*table.stored_blocks([])]
