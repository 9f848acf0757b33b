"""The table of cells: what text means in a file, and in a request to a model that records how text is read."""

import math
from typing import Any

import numpy as np
import pytest

from nn import Boolean, Category, Date, Features, Number
from nn.columns import Column
from nn.number_format import NumberFormat, is_unit
from tests.helpers.cells import CELLS


@pytest.mark.parametrize(("column", "cells"), CELLS, ids=[column.name for column, _ in CELLS])
def test_text_of_a_file_means_its_code(column: Column, cells: dict[str, float | None]) -> None:
    for text, code in cells.items():
        if code is None:
            with pytest.raises((ValueError, OverflowError)):
                column.read_text(text)
        else:
            np.testing.assert_equal(column.read_text(text), code, err_msg=text)


@pytest.mark.parametrize(("column", "cells"), CELLS, ids=[column.name for column, _ in CELLS])
def test_text_of_a_request_means_the_same(column: Column, cells: dict[str, float | None]) -> None:
    """Spaces around it are ignored. A boolean has no text in a request."""
    for text, code in cells.items():
        ignores_spaces = isinstance(column, Number) or (isinstance(column, Date) and column.order)
        padded = f" {text} " if ignores_spaces else text
        for cell in (text, padded):
            codes = Features([column]).read([[cell]])
            expected = None if code is None or isinstance(column, Boolean) else [[code]]
            if text.strip() != text:
                continue
            np.testing.assert_equal(None if codes is None else codes.tolist(), expected, err_msg=cell)


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        (Number("a"), ["1", "1.5", True]),
        (Number("a", decimal=","), [True, None, [], {}, "1.5", "1e39"]),
        (Number("a", missing=True, decimal=".", nothing=("-",)), ["", "null", [], True]),
        (Date("a", order="dmy"), [20240531, None, True, ""]),
        (Boolean("a"), [0, 1, 1.0, "true"]),
        (Boolean("a", numbers=True), [2, -1, 0.5, "1", "true", None, math.nan]),
    ],
)
def test_types_of_json_stay_strict(column: Column, cells: list[Any]) -> None:
    assert [cell for cell in cells if column.read([cell]) is not None] == []


def test_zero_and_one_are_true_and_false_where_training_saw_only_them() -> None:
    codes = Boolean("a", numbers=True, missing=True).read([0, 1, 0.0, 1.0, True, False, None])
    np.testing.assert_equal(codes, [0, 1, 0, 1, 1, 0, math.nan])
    assert [Boolean("a", numbers=True).to_cell(code) for code in (0.0, 1.0)] == [0, 1]
    assert [Boolean("a").to_cell(code) for code in (0.0, 1.0)] == [False, True]


@pytest.mark.parametrize("unit", ["%", "€", "kg", "km/h", "m²", "", "US$", "Einwohner"])
def test_units(unit: str) -> None:
    assert is_unit(unit)
    format_ = NumberFormat(unit=unit)
    assert format_.read(format_.example) == 1234.5


@pytest.mark.parametrize("unit", ["e", "E", "m2", "-", "a.b", " kg", "x" * 21, "(m)"])
def test_what_can_be_part_of_a_number_is_no_unit(unit: str) -> None:
    assert not is_unit(unit)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"decimal": ";"}, "unknown number format"),
        ({"decimal": ",", "thousands": ","}, "unknown number format"),
        ({"decimal": ".", "thousands": ";"}, "unknown number format"),
        ({"decimal": ".", "unit": "e"}, "'e' can't be a unit"),
        ({"thousands": ","}, "the decimal separator is missing"),
        ({"decimal": ".", "nothing": ("-",)}, "accepts no missing values"),
    ],
)
def test_impossible_formats_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Number("a", **settings)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown order 'ydm'; expected ymd, dmy, mdy, time"):
        Date("a", order="ydm")


@pytest.mark.parametrize(("column", "_"), CELLS, ids=[column.name for column, _ in CELLS])
def test_readings_survive_the_artifact(column: Column, _: Any) -> None:
    features = Features([column])
    assert Features.from_config(features.to_config()).columns == (column,)
    assert features.format == (1 if column in (Date("iso"), Boolean("flag")) or column.name == "code" else 2)


def test_a_number_of_more_digits_than_python_reads_is_an_unseen_category() -> None:
    column = Category("a", categories=("1", "2"), numbers=True)
    codes = column.read(["9" * 5000, "1"])
    assert codes is not None
    assert codes.tolist() == [2, 0]


def test_columns_without_readings_are_of_format_1() -> None:
    assert Features([Number("a", missing=True, edges=(0, 1)), Category("b"), Date("c"), Boolean("d")]).format == 1
