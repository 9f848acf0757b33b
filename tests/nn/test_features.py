import json
from typing import Any

import numpy as np
import pytest

from nn import Category, Date, Features, Number
from nn.numbers import read_numbers


def test_rows_of_numbers_are_read_as_one_block() -> None:
    features = Features([Number("a", offset=1, scale=2), Number("b")])
    codes = features.read([[1, 2.5], [3, -4]])
    assert codes is not None
    assert codes.dtype == np.float32
    np.testing.assert_array_equal(features.inputs(codes), [[0, 2.5], [4, -4]])
    np.testing.assert_array_equal(features.inputs(codes.astype(np.uint8)[:1]), [[0, 2]])


@pytest.mark.parametrize("cell", ["1", True, None, [1], 1e39])
def test_one_invalid_cell_rejects_all_rows(cell: Any) -> None:
    features = Features.plain(3)
    assert features.read([[1, 2, 3]] * 50 + [[1, cell, 3]]) is None


def test_inputs_are_bit_identical_after_a_round_trip(rng: np.random.Generator) -> None:
    rows = read_numbers(rng.lognormal(sigma=5, size=(50, 6)))
    scales = read_numbers(rng.lognormal(sigma=5, size=6)).tolist()
    features = Features(
        [Number(name, offset=scale / 3, scale=scale) for name, scale in zip("abcdef", scales, strict=True)]
    )
    again = Features.from_config(json.loads(json.dumps(features.to_config())))
    np.testing.assert_array_equal(again.inputs(rows), features.inputs(rows))
    assert [column.name for column in again.columns] == list("abcdef")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Features([Number("a"), Number("a")]), "feature names must be unique"),
        (lambda: Features([Number("a")], dropped=["a"]), "feature names must be unique"),
        (lambda: Features([]), "at least one feature is required"),
        (lambda: Number("a", offset=float("nan")), "finite"),
        (lambda: Number("a", fill_value=float("inf")), "finite"),
        (lambda: Number("a", edges=(1, 1)), "edges must increase"),
        (lambda: Category("a", categories=("x", "x")), "categories must be unique strings"),
        (lambda: Category("a", categories=("x", 1)), "categories must be unique strings"),  # type: ignore[arg-type]
        (lambda: Date("a", periods=("decade",)), "unknown periods"),
        (
            lambda: Features.from_config({"columns": [{"name": "a", "kind": "colour"}], "dropped": []}),
            "feature 'a': unknown kind 'colour'; expected number, boolean, category, date",
        ),
        (
            # The key in the artifact is fill, not the name of the field.
            lambda: Features.from_config(
                {"columns": [{"name": "a", "kind": "number", "fill_value": 1}], "dropped": []}
            ),
            "feature 'a': unknown setting 'fill_value'",
        ),
    ],
)
def test_invalid_features_are_rejected(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
