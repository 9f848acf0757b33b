"""The rows of a request: bit-identical to training, and a location and an expected value for each problem."""

from typing import Any

import numpy as np
import orjson
import pytest
from marshmallow import Schema

from nn import Boolean, Category, Date, Features, Number
from nn.features import Codes
from service.errors import InvalidInput, Problem, TooLarge
from service.protocols.rows import read_body, request_schema

SCHEMA = request_schema(Features.plain(4), max_rows=10, labels=3)
ROW = [5.1, 3.5, 1.4, 0.2]
LIST, ROWS = "a list of 4 values", "a list of rows"
NUMBER, FLOAT32 = "a number", "a number within ±3.4e38 (float32)"


def _read(schema: Schema, body: Any) -> Codes:
    codes: Codes = read_body(schema, body)["instances"]
    return codes


def _problems(body: Any) -> tuple[Problem, ...]:
    with pytest.raises(InvalidInput) as caught:
        _read(SCHEMA, body)
    return caught.value.problems


def test_rows_become_float32() -> None:
    rows = _read(SCHEMA, {"instances": [ROW, [1, 2, 3, 2**63]]})
    assert rows.dtype == np.float32
    np.testing.assert_array_equal(rows, np.array([ROW, [1, 2, 3, 2**63]], np.float32))


def test_rows_are_bit_identical_to_training(rng: np.random.Generator) -> None:
    """Numbers are parsed as float64 and rounded once, as in training."""
    values = rng.lognormal(sigma=20, size=(10, 4))
    body = orjson.loads(orjson.dumps({"instances": values.tolist()}))
    np.testing.assert_array_equal(_read(SCHEMA, body), values.astype(np.float32))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ([ROW], Problem("", "an object with the key instances", "a list")),
        (None, Problem("", "an object with the key instances", "null")),
        ("rows", Problem("", "an object with the key instances", "a string")),
        ({}, Problem("/instances", ROWS, "nothing")),
        ({"instances": None}, Problem("/instances", ROWS, "null")),
        ({"instances": [ROW], "a/b~c": 1}, Problem("/a~1b~0c", "only the keys instances and top", "an unknown key")),
        ({"instances": []}, Problem("/instances", "a list of at least one row", "an empty list")),
        ({"instances": 5}, Problem("/instances", "a list of at least one row", "a number")),
        ({"instances": {}}, Problem("/instances", "a list of at least one row", "an object")),
        ({"instances": [ROW, {"a": 1}]}, Problem("/instances/1", LIST, "an object")),
        ({"instances": [ROW, None]}, Problem("/instances/1", LIST, "null")),
        ({"instances": [ROW, []]}, Problem("/instances/1", "4 values", "0 values")),
        ({"instances": [ROW[:1]]}, Problem("/instances/0", "4 values", "1 value")),
        ({"instances": [ROW[:3]]}, Problem("/instances/0", "4 values", "3 values")),
        ({"instances": [[*ROW, 1]]}, Problem("/instances/0", "4 values", "5 values")),
        ({"instances": [ROW, [1, "2.5", 3, 4]]}, Problem("/instances/1/1", NUMBER, "a string")),
        ({"instances": [[1, 2, None, 4]]}, Problem("/instances/0/2", NUMBER, "null")),
        ({"instances": [[1, 2, [3], 4]]}, Problem("/instances/0/2", NUMBER, "a list")),
        ({"instances": [[1, 2, {}, 4]]}, Problem("/instances/0/2", NUMBER, "an object")),
        ({"instances": [[1, 2, 3, False]]}, Problem("/instances/0/3", NUMBER, "a boolean")),
        ({"instances": [[1, 2, 3, 3.5e38]]}, Problem("/instances/0/3", FLOAT32, "a larger one")),
        ({"instances": [[1, 2, -1e308, 4]]}, Problem("/instances/0/2", FLOAT32, "a larger one")),
    ],
)
def test_a_problem_has_a_location(body: Any, problem: Problem) -> None:
    assert _problems(body) == (problem,)


def test_a_single_row_must_be_in_a_list() -> None:
    assert _problems({"instances": ROW})[0] == Problem("/instances/0", LIST, "a number")


def test_every_ragged_row_is_reported() -> None:
    """Rows of 3 and 5 values have the expected total, so the error is found only row by row."""
    assert _problems({"instances": [ROW[:3], [*ROW, 1]]}) == (
        Problem("/instances/0", "4 values", "3 values"),
        Problem("/instances/1", "4 values", "5 values"),
    )


def test_a_single_boolean_among_many_numbers_is_located() -> None:
    rows = [[0.5] * 64 for _ in range(100)]
    rows[61][7] = True
    with pytest.raises(InvalidInput, match="/instances/61/7: expected a number, got a boolean") as caught:
        _read(request_schema(Features.plain(64), 100, labels=3), {"instances": rows})
    assert caught.value.problems == (Problem("/instances/61/7", NUMBER, "a boolean"),)


def test_at_most_twenty_problems_are_reported() -> None:
    with pytest.raises(InvalidInput) as caught:
        _read(SCHEMA, {"instances": [["x"] * 4] * 10})
    assert len(caught.value.problems) == 20
    assert str(caught.value) == "/instances/0/0: expected a number, got a string (and more)"
    with pytest.raises(InvalidInput, match=r"\(and 3 more\)"):
        _read(SCHEMA, {"instances": [["x"] * 4]})


def test_errors_do_not_disclose_values() -> None:
    for body in ({"instances": [[1, 2, "my secret", 4]]}, {"instances": "my secret"}, "my secret"):
        assert "secret" not in str(_problems(body))


def test_a_long_key_is_truncated() -> None:
    (problem,) = _problems({"instances": [ROW], "x" * 10_000: 1})
    assert len(problem.pointer) < 250


def test_too_many_rows_are_rejected() -> None:
    with pytest.raises(TooLarge, match="11 rows; at most 10 are accepted"):
        _read(SCHEMA, {"instances": [ROW] * 11})


MIXED = Features(
    [
        Number("age", fill_value=40.0),
        Category("work", missing=True, categories=("private", "public")),
        Boolean("member"),
        Date("since", missing=True),
    ],
    dropped=["id"],
)
MIXED_SCHEMA = request_schema(MIXED, max_rows=10, labels=3)
GOOD = {"age": 39, "work": "private", "member": True, "since": "2024-05-31"}
DATE = "an ISO 8601 date such as 2024-05-31 or 2024-05-31T08:30:00"


def test_objects_by_feature_name_are_equivalent_to_lists() -> None:
    as_list = _read(MIXED_SCHEMA, {"instances": [[39, "private", True, "2024-05-31"], [40.5, None, False, None]]})
    backwards = dict(reversed(GOOD.items()))
    for second in ({"age": 40.5, "member": False}, {"age": 40.5, "member": False, "since": None, "id": "dropped"}):
        codes = _read(MIXED_SCHEMA, {"instances": [backwards, second]})
        np.testing.assert_array_equal(codes, as_list)
    np.testing.assert_array_equal(
        _read(request_schema(Features.plain(2), 10, labels=3), {"instances": [{"x1": 2, "x0": 1}]}), [[1, 2]]
    )


@pytest.mark.parametrize(
    ("change", "problems"),
    [
        ({"age": "39"}, [Problem("/instances/1/age", "a number", "a string")]),
        ({"age": None}, [Problem("/instances/1/age", "a number", "null")]),
        ({"age": 1e39}, [Problem("/instances/1/age", FLOAT32, "a larger one")]),
        ({"work": ["private"]}, [Problem("/instances/1/work", "a string, a number or a boolean, or null", "a list")]),
        ({"member": 1}, [Problem("/instances/1/member", "true or false", "a number")]),
        ({"since": "May"}, [Problem("/instances/1/since", f"{DATE}, or null", "a string")]),
        ({"Age": 39}, [Problem("/instances/1/Age", "the name of a feature", "an unknown key")]),
        (
            {"z/": 1, "y": 1, "age": {}},
            [
                Problem("/instances/1/z~1", "the name of a feature", "an unknown key"),
                Problem("/instances/1/y", "the name of a feature", "an unknown key"),
                Problem("/instances/1/age", "a number", "an object"),
            ],
        ),
    ],
)
def test_a_problem_in_an_object_has_a_location(change: dict[str, Any], problems: list[Problem]) -> None:
    with pytest.raises(InvalidInput) as caught:
        _read(MIXED_SCHEMA, {"instances": [GOOD, {**GOOD, **change}]})
    assert list(caught.value.problems) == problems


def test_absent_features_are_reported() -> None:
    with pytest.raises(InvalidInput) as caught:
        _read(MIXED_SCHEMA, {"instances": [{"work": "private"}]})
    assert caught.value.problems == (
        Problem("/instances/0/age", "a number", "nothing"),
        Problem("/instances/0/member", "true or false", "nothing"),
    )


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([GOOD, [39, "private", True, None]], Problem("/instances/1", "an object like the first row", "a list")),
        ([[39, "private", True, None], GOOD], Problem("/instances/1", "a list of 4 values", "an object")),
        ([[39, "private", True]], Problem("/instances/0", "4 values", "3 values")),
        ([[39, "private", "yes", None]], Problem("/instances/0/2", "true or false", "a string")),
    ],
)
def test_lists_and_objects_may_not_be_mixed(rows: list[Any], problem: Problem) -> None:
    with pytest.raises(InvalidInput) as caught:
        _read(MIXED_SCHEMA, {"instances": rows})
    assert caught.value.problems == (problem,)


def test_an_invalid_row_after_many_valid_rows_is_located() -> None:
    schema = request_schema(Features.plain(784), 10_000, labels=3)
    rows = [[0.5] * 784 for _ in range(2000)] + [[0.5] * 783 + ["x"]]
    with pytest.raises(InvalidInput, match="/instances/2000/783: expected a number, got a string"):
        _read(schema, {"instances": rows})
