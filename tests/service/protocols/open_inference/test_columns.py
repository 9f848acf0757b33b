"""Models of mixed columns in the Open Inference Protocol: one tensor per column is equivalent to rows."""

import json
import struct
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from nn import Artifact, Boolean, Category, Date, Features, Golden, Model, Number
from service.app import create_app
from service.protocols import Codec
from service.protocols.native.codec import NativeCodec
from service.protocols.open_inference.codec import OpenInferenceCodec
from service.settings import Settings
from store import publish
from tests.helpers.models import make_network
from tests.helpers.predictions import make_request
from tests.helpers.server import parse_metrics, total
from tests.helpers.tensors import LENGTH, RawRequest, error_message, in_binary, in_json, pack_strings, post, tensor

INFER = "/v2/models/people/infer"
PEOPLE = Features(
    [
        Number("age"),
        Number("income", missing=True, fill_value=1.0),
        Category("work", missing=True, categories=("private", "3", "0.1", "true")),
        Category("home", categories=("", "1970", "grün")),
        Boolean("member"),
        Boolean("active", missing=True),
        Date("since", missing=True, offset=1.6e9),
        Date("born"),
    ],
    dropped=["id"],
)
PERSON: list[Any] = [39, None, "private", "grün", True, None, None, "1985-02-03T04:05:06+07:00"]
OTHER: list[Any] = [40.1, 2.5, None, "", False, True, "2024-05-31", "1985-02-03"]
NAMES = [column.name for column in PEOPLE.columns]
DATATYPES = {"number": "FP32", "boolean": "BOOL", "category": "BYTES", "date": "BYTES"}


@pytest.fixture
def people(models: Path, rng: np.random.Generator) -> FlaskClient:
    model = Model(PEOPLE, make_network(rng, (PEOPLE.width, 8, 2)), "classification", ("no", "yes"))
    publish(models, "people", Artifact(model, Golden.measure(model, [PERSON, OTHER])), {}, {})
    return create_app(Settings(models=models, max_rows=50, max_binary_rows=60)).test_client()


def _columns(rows: list[list[Any]], width: tuple[int, ...] = (), **changes: Any) -> list[Any]:
    """Return the rows as JSON tensors, one per column; changing a column to None omits it."""
    tensors = {
        column.name: tensor(list(cells), [len(rows), *width], column.name, DATATYPES[column.kind])
        for column, cells in zip(PEOPLE.columns, zip(*rows, strict=True), strict=True)
    }
    return [changed for name, plain in tensors.items() if (changed := changes.get(name, plain)) is not None]


def _codes(client: FlaskClient, codec: type[Codec], sent: RawRequest) -> np.ndarray:
    """Return the decoded codes: equal codes give bit-identical network inputs."""
    headers = {name.lower(): value for name, value in sent[0].items()}
    endpoint = client.application.extensions["npserve"].reloader.catalogue.find("people")
    return np.asarray(endpoint.codecs[codec].decode(make_request(headers, sent[1])).codes)


def _native(client: FlaskClient, rows: list[list[Any]]) -> np.ndarray:
    return _codes(client, NativeCodec, ({}, json.dumps({"instances": rows}).encode()))


@pytest.mark.parametrize("width", [(), (1,)])
def test_json_columns_are_equivalent_to_rows(width: tuple[int, ...], people: FlaskClient) -> None:
    rows = [PERSON, OTHER, [1, 2**63, "0.1", "1970", True, False, "2024-02-29T23:59:59.999999", "0001-01-01"]]
    expected = _native(people, rows)
    assert np.isnan(expected).sum() == 4
    tensors = _columns(rows, width)
    for order in (tensors, tensors[::-1]):
        np.testing.assert_array_equal(_codes(people, OpenInferenceCodec, in_json(*order)), expected)
    response = post(people, in_json(*tensors), INFER)
    native = people.post("/models/people/predict", json={"instances": rows}).get_json()
    assert response.get_json()["outputs"][0]["data"] == [*chain(*native["probabilities"])]
    assert response.get_json()["outputs"][1]["data"] == native["predictions"]


def test_binary_columns_are_equivalent_to_rows(people: FlaskClient, rng: np.random.Generator) -> None:
    numbers = rng.lognormal(sigma=20, size=(50, 2)).astype(np.float32)
    times = [str(np.datetime64(int(second), "s")) for second in rng.integers(-(10**9), 10**9, 50)]
    work = rng.choice(["private", "3", "0.1", "true", "", "none"], 50).tolist()
    home = rng.choice(["", "grün", "1970", "red"], 50).tolist()
    flags = rng.random(50) < 0.5
    cells = [*numbers.astype(float).T.tolist(), work, home, flags.tolist(), (~flags).tolist(), times, times[::-1]]
    raws = [*(column.tobytes() for column in numbers.T), pack_strings(*work), pack_strings(*home)]
    raws += [flags.tobytes(), (~flags).tobytes(), pack_strings(*times), pack_strings(*times[::-1])]
    tensors = [
        tensor(shape=[50], name=column.name, datatype=DATATYPES[column.kind], size=len(raw))
        for column, raw in zip(PEOPLE.columns, raws, strict=True)
    ]
    expected = _native(people, [list(row) for row in zip(*cells, strict=True)])
    np.testing.assert_array_equal(_codes(people, OpenInferenceCodec, in_binary(b"".join(raws), *tensors)), expected)
    # Some columns in JSON, some in binary, one dropped in training.
    for place in (0, 3, 6):
        tensors[place] = tensor(cells[place], [50], NAMES[place], tensors[place]["datatype"])
        raws[place] = b""
    tensors.insert(2, tensor(shape=[3], name="id", datatype="UINT8", size=3))
    raws.insert(2, b"abc")
    np.testing.assert_array_equal(_codes(people, OpenInferenceCodec, in_binary(b"".join(raws), *tensors)), expected)


@pytest.mark.parametrize(
    ("datatype", "dtype", "cells"),
    [
        ("INT64", "<i8", [3, 4]),
        ("UINT8", "u1", [3, 4]),
        ("FP16", "<f2", [3.0, 0.1]),
        ("FP32", "<f4", [3.0, 0.1]),
        ("FP64", "<f8", [3.0, 0.1]),
        ("FP64", "<f8", [1e300, -1e300]),
        ("BOOL", "?", [True, False]),
    ],
)
def test_categories_accept_numbers_and_booleans(
    datatype: str, dtype: str, cells: list[Any], people: FlaskClient
) -> None:
    expected = _native(people, [[*PERSON[:2], cell, *PERSON[3:]] for cell in cells])
    listed_ = tensor(cells, [2], "work", datatype)
    np.testing.assert_array_equal(
        _codes(people, OpenInferenceCodec, in_json(*_columns([PERSON] * 2, work=listed_))), expected
    )
    raw = np.array(cells, dtype).tobytes()
    packed_ = tensor(shape=[2], name="work", datatype=datatype, size=len(raw))
    np.testing.assert_array_equal(
        _codes(people, OpenInferenceCodec, in_binary(raw, *_columns([PERSON] * 2, work=packed_))), expected
    )


def test_missing_values_may_be_absent_null_or_nan(people: FlaskClient) -> None:
    expected = _native(people, [[39, None, None, "grün", True, None, None, "1985-02-03"]])
    row = [39, None, None, "grün", True, None, None, "1985-02-03"]
    absent = _columns([row], income=None, work=None, active=None, since=None)
    assert len(absent) == 4
    np.testing.assert_array_equal(_codes(people, OpenInferenceCodec, in_json(*absent)), expected)
    np.testing.assert_array_equal(_codes(people, OpenInferenceCodec, in_json(*_columns([row]))), expected)
    nan = np.array([np.nan], "<f4").tobytes()
    both = [tensor(shape=[1], name=name, datatype="FP32", size=4) for name in ("income", "work")]
    mixed = _columns([row], income=both[0], work=both[1])
    np.testing.assert_array_equal(_codes(people, OpenInferenceCodec, in_binary(nan * 2, *mixed)), expected)
    whole = _columns([row], income=tensor([None], [1], "income", "UINT8"), work=tensor([None], [1], "work", "INT8"))
    np.testing.assert_array_equal(_codes(people, OpenInferenceCodec, in_json(*whole)), expected)


_DATE = "expected an ISO 8601 date such as"


def _two(name: str, datatype: str, data: list[Any], shape: Any = (2,)) -> RawRequest:
    """Return two rows in JSON with the given column."""
    return in_json(*_columns([PERSON] * 2, **{name: tensor(data, shape, name, datatype)}))


def _raw(name: str, datatype: str, raw: bytes) -> RawRequest:
    return in_binary(
        raw, *_columns([PERSON] * 2, **{name: tensor(shape=[2], name=name, datatype=datatype, size=len(raw))})
    )


BAD_COLUMNS: list[tuple[RawRequest, int, str]] = [
    (in_json(*_columns([PERSON], age=None, born=None)), 400, "missing inputs for model 'people': 'age', 'born'"),
    (
        in_json(tensor([1], [1], "id", "INT8")),
        400,
        "missing inputs for model 'people': 'age', 'home', 'member', 'born'",
    ),
    (in_json(tensor([1], [1], "input")), 400, "unexpected inference input 'input' for model 'people'"),
    (_two("age", "FP32", [1.0, None]), 400, "input 'age', row 1: expected a number, got NaN or null"),
    (_two("age", "FP32", [1.0, True]), 400, "input 'age', row 1: expected a number, got a boolean"),
    (_two("age", "FP32", [1.0, 2.0, 3.0], [3]), 400, "different numbers of rows, such as 2 and 3"),
    (_two("age", "FP32", [1.0, 2.0], [1, 2]), 400, "Expected [-1,1], got [1,2]"),
    (_two("age", "FP32", [[1.0, 2.0]]), 400, "the data of input 'age' do not match its shape [2]"),
    (_two("age", "FP32", [[1.0], [2.0]]), 400, "input 'age', row 0: expected a number, got a list"),
    (_two("age", "BYTES", ["1", "2"]), 400, "'age' data-type is 'BYTES', but model 'people' expects 'FP32'"),
    (_two("income", "UINT8", [None, 300]), 400, "input 'income', row 1: expected a number from 0 to 255"),
    (_two("income", "FP32", [None, 1e39]), 400, "input 'income', row 1: expected a number, got a number beyond"),
    (_raw("age", "FP32", struct.pack("<2f", 1, np.nan)), 400, "input 'age', row 1: expected a number, got NaN or null"),
    (_raw("income", "FP32", struct.pack("<2f", np.nan, np.inf)), 400, "input 'income', row 1: expected a number"),
    (_two("member", "BOOL", [True, 1]), 400, "input 'member', row 1: expected true or false, got a number"),
    (_two("member", "BOOL", [True, None]), 400, "input 'member', row 1: expected true or false, got NaN or null"),
    (_two("member", "UINT8", [1, 0]), 400, "'member' data-type is 'UINT8', but model 'people' expects 'BOOL'"),
    (_raw("member", "BOOL", b"\1\2"), 400, "input 'member', row 1: expected a byte of 0 or 1, got another"),
    (_raw("member", "BOOL", b"\1"), 400, "unexpected size of input 'member': expected 2 bytes, got 1"),
    (_two("home", "BYTES", ["", None]), 400, "input 'home', row 1: expected a string, a number or a boolean, got null"),
    (_two("home", "BYTES", ["", 1]), 400, "input 'home', row 1: expected a string, got a number"),
    (_two("home", "FP32", [1.0, None]), 400, "input 'home', row 1: expected a string, a number or a boolean"),
    (_raw("home", "FP32", struct.pack("<2f", 1, np.inf)), 400, "input 'home', row 1: expected a string, a number"),
    (_two("home", "FP32", [1.0, 1e39]), 400, "input 'home', row 1: expected a string, a number or a boolean, got a"),
    (_two("home", "FP16", [1.0, 1e5]), 400, "input 'home', row 1: expected a string, a number or a boolean, got a"),
    (_raw("home", "BYTES", pack_strings("a", "b")[:-1]), 400, "the bytes of input 'home' are not 2 elements"),
    (_raw("home", "BYTES", pack_strings("a", "b") + b"0"), 400, "the bytes of input 'home' are not 2 elements"),
    (_raw("home", "BYTES", pack_strings("a")), 400, "the bytes of input 'home' are not 2 elements"),
    (_raw("home", "BYTES", pack_strings("a", "b", "c")), 400, "the bytes of input 'home' are not 2 elements"),
    (_raw("home", "BYTES", b"\xff" * 4), 400, "the bytes of input 'home' are not 2 elements"),
    (_raw("home", "BYTES", pack_strings("a") + b"\1\0\0\0\xff"), 400, "input 'home', row 1: expected UTF-8"),
    (_two("born", "BYTES", ["1985-02-03", "May"]), 400, f"input 'born', row 1: {_DATE}"),
    (_two("born", "BYTES", ["1985-02-03", "9999-99-99"], [2, 1]), 400, f"input 'born', row 1: {_DATE}"),
    (_two("born", "BYTES", ["1985-02-03", None]), 400, f"input 'born', row 1: {_DATE}"),
    (_two("born", "INT64", [1, 2]), 400, "'born' data-type is 'INT64', but model 'people' expects 'BYTES'"),
    (_raw("born", "BYTES", pack_strings("1985-02-03", "")), 400, f"input 'born', row 1: {_DATE}"),
    (({LENGTH: "0"}, b"abc"), 400, "model 'people' has several inputs"),
    (in_json(*_columns([PERSON] * 51)), 413, "51 rows; at most 50"),
]


@pytest.mark.parametrize(("sent", "status", "message"), BAD_COLUMNS)
def test_errors_name_the_bad_column(sent: RawRequest, status: int, message: str, people: FlaskClient) -> None:
    response = post(people, sent, INFER)
    assert (response.status_code, message in error_message(response)) == (status, True), response.text
    assert total(parse_metrics(people.get("/metrics").text), "npserve_rejected_inputs_total", model="people") == 1
    assert post(people, in_json(*_columns([PERSON])), INFER).status_code == 200


def test_the_row_limit_of_json_applies_to_binary_strings(people: FlaskClient) -> None:
    """Each string becomes a Python object while the interpreter lock is held."""
    columns = _columns([PERSON] * 51)
    raw = pack_strings(*[PERSON[-1]] * 51)
    columns[-1] = tensor(shape=[51], name="born", datatype="BYTES", size=len(raw))
    assert "at most 50" in error_message(post(people, in_binary(raw, *columns), INFER))


def test_the_metadata_has_one_input_per_column(people: FlaskClient) -> None:
    inputs = people.get("/v2/models/people").get_json()["inputs"]
    assert [one["name"] for one in inputs] == NAMES
    assert [one["datatype"] for one in inputs] == [DATATYPES[column.kind] for column in PEOPLE.columns]
    assert all(one["shape"] == [-1, 1] for one in inputs)
