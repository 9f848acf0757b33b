"""The fast path for rows of numbers is bit-identical to the slow path, and falls back to it for other content."""

import json
from codecs import BOM_UTF8

import numpy as np
import pytest

from nn import Boolean, Features
from service.protocols.fast_json import parse_rows
from service.protocols.json_cost import SHORT

TWO = Features.plain(2)


def test_the_fast_path_is_bit_identical(rng: np.random.Generator) -> None:
    for columns in (1, 2, 30, 784):
        rows = (rng.lognormal(sigma=10, size=(20, columns)) * rng.choice([-1, 1], (20, columns))).tolist()
        rows += [[0] * columns, [-0.0] * columns, [1e-45] * columns, [2**24 + 1] * columns, [2**63 + 1] * columns]
        features = Features.plain(columns)
        for body in (json.dumps({"instances": rows}), json.dumps({"instances": rows}, indent=1)):
            parsed = parse_rows(body.encode(), features, 100)
            expected = features.read(rows)
            assert parsed is not None
            assert expected is not None
            assert parsed.dtype == np.float32
            assert parsed.tobytes() == expected.tobytes()
            assert parse_rows(bytearray(body.encode()), features, 100) is not None


@pytest.mark.parametrize(
    "body",
    [
        "",
        "hello",
        "[[1, 2]]",
        "5",
        "null",
        "{}",
        '{"instances": null}',
        '{"instances": 5}',
        '{"instances": "ab"}',
        '{"instances": ["ab"]}',
        '{"instances": {"a": [1, 2]}}',
        '{"instances": []}',
        '{"instances": [1, 2]}',
        '{"instances": [[]]}',
        '{"instances": [[1]]}',
        '{"instances": [[1, 2, 3]]}',
        '{"instances": [[1], [2, 3, 4]]}',
        '{"instances": [[[1, 2]]]}',
        '{"instances": [[[1], [2]]]}',
        '{"instances": [[[], [1, 2]]]}',
        '{"instances": [[1, [2]]]}',
        '{"instances": [[1, true]]}',
        '{"instances": [[1, null]]}',
        '{"instances": [[1, "2"]]}',
        '{"instances": [[1, {}]]}',
        '{"instances": [{"x0": 1, "x1": 2}]}',
        '{"instances": [[1, 2], {"x0": 1, "x1": 2}]}',
        '{"instances": [[1, 1e39]]}',
        '{"instances": [[1, 1e308]]}',
        '{"instances": [[1, 1e400]]}',
        '{"instances": [[1, 18446744073709551616]]}',
        '{"instances": [[1, NaN]]}',
        '{"instances": [[1, 2]]} x',
        '{"instances": [[1, 2]], "top": 1}',
        '{"instances": [[1, 2]], "instances": [[3, 4]]}',
        '{"rows": [[1, 2]]}',
        '{"instances": ' + "[" * 2000 + "]" * 2000 + "}",
    ],
)
@pytest.mark.parametrize("size", [0, SHORT])
def test_other_content_falls_back_to_the_slow_path(size: int, body: str) -> None:
    assert parse_rows(body.encode().ljust(size), TWO, 100) is None
    assert parse_rows(b'{"instances": [[1, 2]]}'.ljust(size), TWO, 100) is not None


def test_invalid_utf8_falls_back_to_the_slow_path() -> None:
    assert parse_rows(b'{"instances": [[1, "\xff"]]}', TWO, 100) is None
    assert parse_rows(b"\xff", TWO, 100) is None


def test_a_byte_order_mark_falls_back_to_the_slow_path() -> None:
    body = b'{"instances": [[1, 2]]}'
    for marked in (BOM_UTF8 + body, bytearray(BOM_UTF8 + body)):
        assert parse_rows(marked, TWO, 100) is None
    assert parse_rows(body, TWO, 100) is not None


def test_other_columns_fall_back_to_the_slow_path() -> None:
    assert parse_rows(b'{"instances": [[1, 2]]}', Features([Boolean("a"), Boolean("b")]), 100) is None


def test_too_many_rows_fall_back_to_the_slow_path() -> None:
    body = b'{"instances": [[1, 2], [3, 4]]}'
    assert parse_rows(body, TWO, 2) is not None
    assert parse_rows(body, TWO, 1) is None
