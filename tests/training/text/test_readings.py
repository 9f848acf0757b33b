"""The readings that training finds for whole columns of text, and the notes that say so."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow
import pytest

from nn import Category, Number
from nn.columns import Column
from nn.date_format import read_date
from nn.number_format import NumberFormat
from tests.helpers.cells import CELLS
from training import TrainingError
from training.data.text_codes import text_codes
from training.files.table import TEXT, Table
from training.text.choices import Choices
from training.text.date_text import parse_dates
from training.text.number_text import parse_numbers
from training.text.readings import find_readings
from training.text.typed_table import TypedTable, read_types


def _cells(texts: Sequence[str | None]) -> pyarrow.ChunkedArray:
    return pyarrow.chunked_array([pyarrow.array(texts, TEXT)])


@pytest.mark.parametrize(("column", "cells"), CELLS, ids=[column.name for column, _ in CELLS])
def test_whole_columns_are_read_as_single_cells(column: Column, cells: dict[str, float | None]) -> None:
    codes, wrong = text_codes(column, _cells([*cells, None]))
    expected = [np.nan if code is None else code for code in cells.values()]
    np.testing.assert_array_equal(codes, [*expected, np.nan])
    assert wrong.tolist() == [*(code is None for code in cells.values()), False]


@pytest.mark.parametrize("number", [NumberFormat(), NumberFormat(",", "."), NumberFormat(".", ",", "$")])
def test_random_numbers_are_read_as_single_cells(number: NumberFormat, rng: np.random.Generator) -> None:
    alphabet = np.array(list("0123456789") * 2 + list(".,-+()$ eE'\u2212"))
    texts = ["".join(rng.choice(alphabet, rng.integers(1, 9))) for _ in range(20_000)]
    texts += [
        f"{value:,.{digits}f}" for value, digits in zip(rng.normal(0, 1e5, 500), rng.integers(0, 9, 500), strict=True)
    ]
    texts += [str(value) for value in rng.normal(0, 1e-9, 500)]
    numbers, wrong = parse_numbers(_cells(list(texts)), number)
    assert 0.3 < wrong.mean() < 0.98
    for text, value, is_wrong in zip(texts, numbers.to_pylist(), wrong, strict=True):
        try:
            expected: float | None = number.read(text)
        except ValueError:
            expected = None
        assert (value, is_wrong) == (expected, expected is None), text


@pytest.mark.parametrize("order", ["ymd", "dmy", "mdy"])
@pytest.mark.parametrize("separator", [".", "/", "-", "mixed"])
def test_whole_columns_of_dates_are_read_as_single_cells(order: str, separator: str, rng: np.random.Generator) -> None:
    """Valid ones are read at once, others one by one."""
    numbers = {"y": (1, 9999), "m": (1, 14), "d": (1, 33)}
    texts = []
    for _ in range(2000):
        parts = [f"{rng.integers(*numbers[part]):0{4 if part == 'y' else 2}}" for part in order]
        between = str(rng.choice(list("./-"))) if separator == "mixed" else separator
        time = ("", " 12:34", "T23:59:59", " 24:00", " 7:05")[rng.integers(5)]
        texts.append(between.join(parts) + time)
    for cells in (texts, [text for text in texts if _seconds(text, order) is not None]):
        times, wrong = parse_dates(_cells(cells), order)
        expected = [_seconds(text, order) for text in cells]
        assert wrong.tolist() == [seconds is None for seconds in expected]
        found = times.cast(pyarrow.int64()).to_pylist()
        assert found == [None if seconds is None else round(seconds * 1e6) for seconds in expected]


def _seconds(text: str, order: str) -> float | None:
    try:
        return read_date(text, order)
    except ValueError:
        return None


@pytest.mark.parametrize(
    ("texts", "data_type", "settings"),
    [
        (["1", "2"], "int64", {}),
        (["1", "2.5"], "double", {}),
        (["0.500", "2.250"], "double", {}),
        (["true", "False"], "bool", {}),
        (["true", "0"], "string", {}),
        (["01", "02"] * 5, "string", {}),
        (["02134", "10001"] * 5, "string", {}),
        (["01", "02", "03"], "int64", {}),  # as text, an identifier
        (["-0.5", "00.5"], "double", {}),
        (["12E1", "13E2"], "string", {}),
        (["12E1", "A7"], "string", {}),
        (["1e5", "2.5E+3"], "double", {}),
        (["1,5", "2"], "double", {"decimal": ","}),
        (["1,234,567", "1,000"], "double", {"decimal": ".", "thousands": ","}),
        (["1.234.567", "1.000"], "double", {"decimal": ",", "thousands": "."}),
        (["1.234,5", "7"], "double", {"decimal": ",", "thousands": "."}),
        (["1 234,5", "2"], "double", {"decimal": ",", "thousands": " "}),
        (["1\u00a0234", "1\u202f000"], "double", {"decimal": ".", "thousands": " "}),
        (["1'234.5", "7"], "double", {"decimal": ".", "thousands": "'"}),
        (["12%", "5.5 %"], "double", {"decimal": ".", "unit": "%"}),
        (["12%", "5.5"], "string", {}),
        (["$1,234.50", "($5.00)", "7"], "double", {"decimal": ".", "thousands": ",", "unit": "$"}),
        (["1.234,50 €", "5,00 €"], "double", {"decimal": ",", "thousands": ".", "unit": "€"}),
        (["USD 5", "USD 7.5"], "double", {"decimal": ".", "unit": "USD"}),
        (["$5", "€5"], "string", {}),
        (["5 kg", "7.5 kg"], "double", {"decimal": ".", "unit": "kg"}),
        (["5 kg", "7"], "string", {}),
        (["5 kg", "700 g"], "string", {}),
        (["A1", "A2"], "string", {}),
        (["1-2", "3-4"], "string", {}),
        (["192.168.1.1", "10.0.0.1"], "string", {}),
        (['="1.2"', '="-3"'], "double", {"decimal": "."}),
        (["\u22125", "+3"], "double", {"decimal": "."}),
        (["(5)", "3"], "double", {"decimal": "."}),
        (["1,23", "4.56"], "string", {}),
        (["1", "n/a", "#DIV/0!"], "int64", {"decimal": ".", "nothing": ("#DIV/0!", "n/a")}),
        (["1,5", "-"], "double", {"decimal": ",", "nothing": ("-",)}),
        (["x", "-"], "string", {}),
        (["01", "02", "01", "02", "-"], "string", {}),
        (["n/a", "None"], "string", {}),
        (["0x1f", "0x2"], "string", {}),
        (["24-01-15", "23-12-31"], "string", {}),  # the year may be first
        (["1.2.10", "1.3.11"], "string", {}),
        (["1/2/24", "1/31/24"], "timestamp[us]", {"order": "mdy"}),
        (["+1", "-1"], "double", {}),
        (["1.5", "NAN", "-nan"], "double", {"decimal": ".", "nothing": ("-nan", "NAN")}),
        (["Nancy", "x"], "string", {}),
        (["2024-05-31", "2024-06-01T10:00"], "timestamp[us]", {}),
        (["2024-05-31T10:00Z", "2024-05-31"], "timestamp[us]", {}),
        (["2024-05-31T10:00:00.123456789", "2024-W22-5"], "timestamp[us]", {}),
        (["20240531", "20231201"], "timestamp[us]", {}),
        (["20240531", "20231301"], "int64", {}),
        (["2024/05/31", "2023/12/01 10:30"], "timestamp[us]", {"order": "ymd"}),
        (["2024-05-31 UTC", "nil"], "timestamp[us]", {"order": "ymd", "nothing": ("nil",)}),
        (["31 May 2024", "May 31, 2024"], "timestamp[us]", {"order": "ymd"}),
        (["31/05/2024", "01/02/2024"], "timestamp[us]", {"order": "dmy"}),
        (["05/31/2024", "01/02/2024"], "timestamp[us]", {"order": "mdy"}),
        (["31.05.24", "01.02.24"], "timestamp[us]", {"order": "dmy"}),
        (["01.02.2024", "03.02.2024"], "timestamp[us]", {"order": "dmy"}),
        (["31/05/2024", "05/31/2024"], "string", {}),
        (["10:30", "23:59:59"], "timestamp[us]", {"order": "time"}),
        (["10:30", "25:59"], "string", {}),
    ],
    ids=str,
)
def test_one_reading_fits_the_column(texts: list[str], data_type: str, settings: dict[str, Any]) -> None:
    (reading,) = find_readings(_cells([*texts, None]))
    found = {name: value for name, value in reading.settings.items() if value}
    assert (str(reading.type), found) == (data_type, settings)
    values = reading.read(_cells([*texts, None]))
    assert str(values.type) == data_type
    assert values.null_count == 1 + sum(text in reading.nothing for text in texts)


@pytest.mark.parametrize(
    ("texts", "choices"),
    [
        (["1,234", "5,678"], [".", ","]),
        (["1,234", "7"], [".", ","]),
        (["1.234", "5.678", "7"], [".", ","]),
        (["01/02/2024", "03/04/2024"], ["dmy", "mdy"]),
    ],
)
def test_two_readings_may_fit_the_column(texts: list[str], choices: list[str]) -> None:
    assert [reading.order or reading.decimal for reading in find_readings(_cells(texts))] == choices


def _typed(columns: dict[str, list[str]], target: str = "y", **choices: Any) -> TypedTable:
    text = pyarrow.table({name: pyarrow.array(texts, TEXT) for name, texts in columns.items()})
    types = dict.fromkeys(columns, TEXT)
    table = Table("data", types, None, lambda names: iter([text.select(names)]), stored_as_text=True)
    return read_types(table, Choices(**choices), target)


THOUSANDS = ["1,234", "5,678"] * 10
DAYS = ["01/02/2024", "03/04/2024"] * 10
Y = ["a", "b"] * 10


@pytest.mark.parametrize(
    ("others", "choices", "value", "note"),
    [
        ({}, {}, 1234, "decimal point: 1,234 as 1234; --decimal ',' reads it as 1.234"),
        ({"b": ["0.5", "1.75"] * 10}, {}, 1234, "decimal point: 1,234 as 1234; --decimal ',' reads it as 1.234"),
        ({"b": ["0,5", "1,75"] * 10}, {}, 1.234, "decimal comma: 1,234 as 1.234; --decimal '.' reads it as 1234"),
        (
            {"b": ["0,5", "1,75"] * 10},
            {"decimal": "."},
            1234,
            "decimal point: 1,234 as 1234; --categories a reads text",
        ),
        ({}, {"decimal": ","}, 1.234, "decimal comma: 1,234 as 1.234; --categories a reads text"),
    ],
)
def test_other_columns_or_the_user_say_what_a_separator_means(
    others: dict[str, list[str]], choices: dict[str, Any], value: float, note: str
) -> None:
    table = _typed({"a": THOUSANDS, **others, "y": Y}, **choices)
    assert table.whole_column("a")[0].as_py() == value
    assert f"column a is read as numbers with a {note}" in table.notes


@pytest.mark.parametrize(
    ("others", "choices", "month", "note"),
    [
        ({}, {}, 1, "month first: 01/02/2024 as 2024-01-02; --dayfirst true reads it as 2024-02-01"),
        (
            {"b": ["31/12/2024"] * 20},
            {},
            2,
            "day first: 01/02/2024 as 2024-02-01; --dayfirst false reads it as 2024-01-02",
        ),
        ({}, {"dayfirst": True}, 2, "day first: 01/02/2024 as 2024-02-01; --categories a reads text"),
    ],
)
def test_other_columns_or_the_user_say_which_number_is_the_day(
    others: dict[str, list[str]], choices: dict[str, Any], month: int, note: str
) -> None:
    table = _typed({"a": DAYS, **others, "y": Y}, **choices)
    assert table.whole_column("a")[0].as_py().month == month
    assert f"column a is read as dates with the {note}" in table.notes


@pytest.mark.parametrize(
    ("texts", "choices", "note"),
    [
        (["02134", "10001"] * 10, {}, "is read as text, because of codes such as 02134; --numbers a reads numbers"),
        (["12E1", "10001"] * 10, {}, "is read as text, because of codes such as 12E1; --numbers a reads numbers"),
        (["02134", "10001"] * 10, {"categories": ("a",)}, None),
        (["02134", "10001"] * 10, {"numbers": ("a",)}, None),
        (
            [f"{i:05}" for i in range(20)],
            {},
            "is read as numbers, 00000 as 0: as text nearly every value is different;"
            " --categories a makes it a category",
        ),
        (["20240531"] * 20, {}, "is read as dates: 20240531 as 2024-05-31; --numbers a reads numbers"),
        (["20240531"] * 20, {"numbers": ("a",)}, None),
        (["10:30"] * 20, {}, "is read as times of day: 10:30 as 10:30:00; --categories a reads text"),
        (
            ["5 kg"] * 20,
            {},
            "is read as numbers of the unit kg with a decimal point: 5 kg as 5; --categories a reads text",
        ),
        (["1", "n/a"] * 10, {}, "n/a means that a value is missing (10 cells); --categories a makes it a category"),
        (
            ["1", "n/a", "-", "2"] * 5,
            {},
            "-, n/a mean that a value is missing (10 cells); --categories a makes it a category",
        ),
        (
            ["1.5"] * 39 + ["oops"],
            {},
            "is read as text, although 39 of 40 values are numbers, because of 'oops':"
            " correct it, or leave the cell empty",
        ),
        (
            ["2024/01/31"] * 39 + ["soon"],
            {},
            "is read as text, although 39 of 40 values are dates, because of 'soon':"
            " correct it, or leave the cell empty",
        ),
        (["x", "y"] * 10, {}, None),
        (["2024-01-31"] * 20, {}, None),
        (["1.5"] * 20, {}, None),
    ],
)
def test_each_guess_is_said_with_the_option_that_overrules_it(
    texts: list[str], choices: dict[str, Any], note: str | None
) -> None:
    table = _typed({"a": texts, "y": ["p", "q"] * (len(texts) // 2)}, **choices)
    joined = [re.sub("^column a:? ", "", text) for text in table.notes]
    assert joined == ([] if note is None else [note])


def test_the_user_says_what_a_column_is() -> None:
    columns = {"zip": ["02134", "10001"] * 10, "day": ["20240531"] * 20, "code": ["7", "8"] * 10, "y": Y}
    table = _typed(columns, numbers=("zip",), dates=("day",), categories=("code",))
    assert [str(data_type) for data_type in table.types.values()] == ["int64", "timestamp[us]", "int64", "string"]
    table = _typed(columns, drop=("zip",), categories=("day",))
    assert [*table.types] == ["day", "code", "y"]
    assert table.types["day"] == TEXT
    assert table.notes == ["column zip dropped: --drop names it"]
    with pytest.raises(TrainingError, match="numbers: column a contains other text, such as '0x1f' in row 1"):
        _typed({"a": ["0x1f", "0x2"] * 10, "y": Y}, numbers=("a",))
    with pytest.raises(TrainingError, match="dates: column zip contains other text, such as '02134' in row 1"):
        _typed(columns, dates=("zip",))


@pytest.mark.parametrize(
    ("texts", "data_type"),
    [
        (["1x", "2x"] * 10, "string"),
        ([f"{i} kg" for i in range(30)], "double"),
        (["1,5", "2,5"] * 10, "double"),
        (["01", "02"] * 10, "string"),
        (["10:30", "11:30"] * 10, "string"),
        (["2024/01/31", "2024/02/01"] * 10, "string"),
        (["20240131", "20240201"] * 10, "int64"),
        (["2024-01-31", "2024-02-01"] * 10, "timestamp[us]"),
    ],
)
def test_the_target_is_a_number_or_a_class(texts: list[str], data_type: str) -> None:
    assert str(_typed({"a": ["x", "y"] * (len(texts) // 2), "y": texts}).types["y"]) == data_type


def test_a_category_of_codes_is_compared_as_numbers() -> None:
    codes = Category("a", categories=("01", "02"), numbers=True)
    assert text_codes(codes, _cells(["01", "1", "2.0", "3", "x"]))[0].tolist() == [0, 0, 1, 2, 2]
    assert codes.read(["01", "1", 1, 2.0, "3"]).tolist() == [0, 0, 0, 1, 2]  # type: ignore[union-attr]
    assert Number("a", decimal=",").expected == "a number, or text such as 1234,5"
