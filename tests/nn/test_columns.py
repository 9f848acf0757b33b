"""The cells that each kind of column accepts, and their inputs."""

import json
from typing import Any

import numpy as np
import pytest

from nn import Boolean, Category, Date, Features, Number
from nn.columns import Cell, Column
from nn.numbers import read_numbers

COLOURS = Category("colour", categories=("3", "blue", "red", "true"))


def _inputs(column: Column, *cells: Any) -> list[list[float]]:
    features = Features([column])
    codes = features.read([[cell] for cell in cells])
    assert codes is not None
    inputs: list[list[float]] = features.inputs(codes).tolist()
    return inputs


def test_a_number_is_scaled() -> None:
    assert _inputs(Number("a", offset=2, scale=0.5), 2, 4.0, -1) == [[0], [1], [-1.5]]
    assert _inputs(Number("a", limit=3), 5, -1, -4) == [[3], [-1], [-3]]


def test_a_number_with_bins() -> None:
    column = Number("a", edges=(0, 1, 3))
    assert _inputs(column, -5, 0.5, 2, 3, 9) == [
        [-5, 0, 0],
        [0.5, 0.5, 0],
        [2, 1, 0.5],
        [3, 1, 1],
        [9, 1, 1],
    ]


def test_a_missing_number_is_filled_and_indicated() -> None:
    assert _inputs(Number("a", missing=True, fill_value=7, offset=5), 6, None) == [[1, 0], [2, 1]]


def test_a_category_is_one_hot() -> None:
    assert _inputs(COLOURS, "blue", "3", 3, 3.0, True, "true") == [
        [0, 1, 0, 0, 0],
        *[[1, 0, 0, 0, 0]] * 3,
        *[[0, 0, 0, 1, 0]] * 2,
    ]


@pytest.mark.parametrize("unseen", ["green", "Red", " red", 3.5, False, "", 10**400])
def test_unseen_values_share_one_input(unseen: Any) -> None:
    assert _inputs(COLOURS, unseen) == [[0, 0, 0, 0, 1]]


def test_a_missing_category_sets_only_its_indicator() -> None:
    assert _inputs(Category("c", missing=True, categories=("x",)), None, "x", "y") == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]


def test_a_boolean_is_one_or_zero() -> None:
    assert _inputs(Boolean("b"), True, False) == [[1], [0]]
    assert _inputs(Boolean("b", missing=True), None) == [[0, 1]]


def test_a_date_is_scaled_and_encoded_by_period() -> None:
    monday = 4 * 86400  # 5 January 1970
    column = Date("d", offset=monday, scale=1 / 86400, periods=("week", "day"))
    elapsed, week, week_cos, day, day_cos = _inputs(column, "1970-01-06T06:00")[0]
    assert elapsed == 1.25
    angle = 2 * np.pi * (5.25 / 7)
    np.testing.assert_allclose([week, week_cos], [np.sin(angle), np.cos(angle)], atol=1e-6)
    np.testing.assert_allclose([day, day_cos], [1, 0], atol=1e-6)


def test_notations_of_the_same_moment_are_equal() -> None:
    column = Date("d")
    moments = ["2024-05-31T08:30:00", "2024-05-31T08:30Z", "2024-05-31 10:30+02:00", "20240531T083000"]
    assert len({tuple(inputs) for inputs in _inputs(column, *moments)}) == 1
    # A difference of one second is resolved fifty years after 1970.
    column = Date("d", offset=1.7e9, scale=1.0, periods=())
    first, second = (row[0] for row in _inputs(column, "2023-11-14T22:13:20", "2023-11-14T22:13:21"))
    assert second - first == 1


NOT_NUMBERS: list[Any] = ["2.5", True, None, [1], {}, 1e39, float("nan"), float("inf")]
NOT_CATEGORIES: list[Any] = [None, [1], {}]
NOT_BOOLEANS: list[Any] = [0, 1, "true", None, [True]]
NOT_DATES: list[Any] = ["", "soon", "2024-13-01", 20240531, None, True, ["2024-05-31"], "0001-01-01T00:00+10:00"]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        *((Number("n"), cell) for cell in NOT_NUMBERS),
        *((COLOURS, cell) for cell in NOT_CATEGORIES),
        *((Boolean("b"), cell) for cell in NOT_BOOLEANS),
        *((Date("d"), cell) for cell in NOT_DATES),
    ],
)
def test_invalid_cells_are_rejected(column: Column, cell: Any) -> None:
    assert column.read([cell]) is None
    assert Features([column, Boolean("other")]).read([[cell, True]]) is None


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        (Number("n", missing=True), [1, 2.5, -1e-30, 16777216, 0.1, None]),
        (Boolean("b", missing=True), [True, False, None]),
        (Category("c", missing=True, categories=("unseen", "unseen_", "x")), ["x", "unseen__", None]),
        (Date("d", missing=True), ["2024-05-31", "2024-05-31T08:30:01", "1969-07-20T20:17:40", None]),
    ],
)
def test_a_code_is_converted_back_to_its_cell(column: Column, cells: list[Any]) -> None:
    codes = column.read(cells)
    assert codes is not None
    assert [column.to_cell(code) for code in codes.tolist()] == cells


def test_mixed_rows_after_a_round_trip(rng: np.random.Generator) -> None:
    columns = [
        Number("n", missing=True, fill_value=0.3, offset=0.1, scale=3.3, limit=2.5, edges=(-1, 0, 0.7)),
        COLOURS,
        Boolean("b", missing=True),
        Date("d", scale=1e-7, periods=("year",)),
        Number("m"),
    ]
    features = Features(columns, dropped=["id"])
    rows: list[list[Cell]] = [
        [
            None if i % 5 == 0 else float(rng.normal()),
            ("red", 3, "?")[i % 3],
            (True, False, None)[i % 3],
            "2024-05-31",
            i,
        ]
        for i in range(30)
    ]
    codes = features.read(rows)
    assert codes is not None
    inputs = features.inputs(codes)
    assert inputs.shape == (30, features.width)
    assert np.isfinite(inputs).all()
    again = Features.from_config(json.loads(json.dumps(features.to_config())))
    assert again.columns == features.columns
    assert again.dropped == ("id",)
    assert all("fill_value" not in record for record in features.to_config()["columns"])
    np.testing.assert_array_equal(again.inputs(codes), inputs)
    # The inputs of a row are bit-identical regardless of the batch.
    for row, expected in zip(features.to_cells(codes), inputs, strict=True):
        alone = features.read([row])
        assert alone is not None
        np.testing.assert_array_equal(features.inputs(alone)[0], expected)


def test_numbers_are_rounded_as_by_a_json_reader(rng: np.random.Generator) -> None:
    integers = rng.integers(-(2**62), 2**62, size=1000)
    from_json = np.array(json.loads(json.dumps([float(i) for i in integers.tolist()])), np.float32)
    np.testing.assert_array_equal(read_numbers(integers), from_json)
    assert read_numbers(np.array([200], np.uint8)).dtype == np.float32
    assert np.isinf(read_numbers([1e39])).all()


def test_a_code_out_of_range_becomes_the_first_or_last_date() -> None:
    column = Date("d")
    assert column.to_cell(1e12) == "9999-12-31"
    assert column.to_cell(-1e12) == "0001-01-01"


def test_a_bin_too_narrow_for_float32_is_rejected() -> None:
    with pytest.raises(ValueError, match="fill, offset and scale must be finite"):
        Number("p", edges=(0.0, 1e-40, 1.0))
