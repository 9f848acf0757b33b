"""The fast path for a tensor of numbers is bit-identical to the slow path, and falls back to it for other content."""

import json
from typing import Any

import numpy as np
import orjson
import pytest
from flask.testing import FlaskClient

from service.protocols.open_inference import codec
from service.protocols.open_inference.fast_json import parse_tensor
from service.protocols.open_inference.request import read_request
from tests.helpers.tensors import ROWS, in_json, post, read_outputs, tensor

LIMITS = {
    "INT8": [-(2**7), 2**7 - 1],
    "UINT32": [0, 2**32 - 1],
    "INT64": [-(2**63), 2**63 - 1],
    "UINT64": [0, 2**64 - 1],
}

UNSUPPORTED: list[Any] = ["BOOL", "BYTES", "x", None, []]
NOT_NUMBERS: list[Any] = [True, None, "1", [1], {}]


def _numbers(body: Any) -> np.ndarray:
    (found,) = read_request(body).inputs
    return np.asarray(found.numbers(), np.float64)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("datatype", ["FP16", "FP32", "FP64", "BF16", *LIMITS])
def test_the_fast_path_is_bit_identical(datatype: str, nested: bool, rng: np.random.Generator) -> None:
    values = LIMITS.get(datatype, [0, -0.0, 1e-45, 2**24 + 1, 2**63 + 1, *rng.lognormal(sigma=10, size=5).tolist()])
    rows = [rng.permutation(np.array(values, object)).tolist() for _ in range(4)]
    data = rows if nested else [value for row in rows for value in row]
    _, raw = in_json(tensor(data, (4, len(values)), datatype=datatype), id="[", outputs=[{"name": "predictions"}])
    assert parse_tensor(raw, 100) is None  # a bracket in a string is ambiguous
    raw = raw.replace(b'"["', b'"a"')
    parsed = parse_tensor(raw, 100)
    assert parsed is not None
    assert isinstance(parsed["inputs"][0]["data"], np.ndarray)
    assert _numbers(parsed).tobytes() == _numbers(orjson.loads(raw)).tobytes()
    parsed["inputs"][0]["data"] = None
    assert parsed == orjson.loads(raw) | {
        "inputs": [tensor(None, [4, len(values)], datatype=datatype) | {"data": None}]
    }
    assert parse_tensor(bytearray(raw), 100) is not None


@pytest.mark.parametrize(
    "body",
    [
        *("", "hello", "5", "[]", "{}", '{"inputs": null}', '{"inputs": []}', '{"inputs": [5]}', '{"inputs": [{}]}'),
        json.dumps({"inputs": [tensor(ROWS), tensor(ROWS)]}),
        *(json.dumps({"inputs": [tensor(ROWS, datatype=datatype)]}) for datatype in UNSUPPORTED),
        *(json.dumps({"inputs": [tensor([*ROWS[0], *ROWS[1][:3], cell])]}) for cell in NOT_NUMBERS),
        *(
            json.dumps({"inputs": [tensor(data)]})
            for data in (None, [], 5, "ab", {"a": 1}, [[1, 2], [3]], [[[1]]], [[], 1])
        ),
        json.dumps({"inputs": [tensor([1, 2.0], [2, 1], datatype="INT8")]}),
        json.dumps({"inputs": [tensor([1, 128], [2, 1], datatype="INT8")]}),
        json.dumps({"inputs": [tensor([1, -1], [2, 1], datatype="UINT64")]}),
        json.dumps({"inputs": [tensor(ROWS)], "more": [1]}),
        json.dumps({"inputs": [tensor(ROWS)], "outputs": None}),
        json.dumps({"inputs": [tensor(ROWS)]})[:-1] + ', "inputs": []}',
        json.dumps({"inputs": [tensor(ROWS)]})[:-1] + ', "id": "a", "id": "b"}',
        json.dumps({"inputs": [tensor(ROWS)]}).replace('"name"', '"data": [1], "name"'),
        json.dumps({"inputs": [tensor([float("nan")] * 8)]}),
        json.dumps({"inputs": [tensor(ROWS)]}).replace("5.1", "1e400"),
        json.dumps({"inputs": [tensor(ROWS)]}) + "x",
        "\ufeff" + json.dumps({"inputs": [tensor(ROWS)]}),
    ],
)
def test_other_content_falls_back_to_the_slow_path(body: str) -> None:
    assert parse_tensor(body.encode(), 100) is None
    assert parse_tensor(in_json(tensor(ROWS))[1], 100) is not None


def test_a_plain_request_does_not_use_the_slow_path(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = read_outputs(post(client, in_json(tensor(ROWS), more={"a": []})))
    monkeypatch.setattr(codec, "parse_json", None)
    for data in (ROWS, [*ROWS[0], *ROWS[1]]):
        found = read_outputs(post(client, in_json(tensor(data))))
        np.testing.assert_array_equal(found["probabilities"], expected["probabilities"])
