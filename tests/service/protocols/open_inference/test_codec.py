"""The Open Inference Protocol under /v2: input and output tensors in JSON and in binary."""

import gzip
import zlib
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient

from nn import Artifact, Category, Features, Golden, Model
from service.app import create_app
from service.settings import Settings
from store import publish, read_version
from tests.helpers.models import ROW, make_artifact, make_constant, make_network
from tests.helpers.tensors import (
    ALL_BINARY,
    INFER,
    LENGTH,
    ROWS,
    RawRequest,
    array_request,
    in_json,
    post,
    read_outputs,
    response_json,
    tensor,
)
from tests.helpers.wire import JSON


def _expected(models: Path, rows: Any = ROWS) -> np.ndarray:
    return np.asarray(read_version(models, "iris", 1).artifact.model.predict(np.array(rows, np.float32)))


def _client(models: Path, name: str, artifact: Artifact, **settings: Any) -> FlaskClient:
    publish(models, name, artifact, {}, {})
    return create_app(Settings(models=models, **settings)).test_client()


@pytest.mark.parametrize("path", [INFER, "/v2/models/iris/versions/1/infer"])
@pytest.mark.parametrize("data", [ROWS, [*chain(*ROWS)]])
@pytest.mark.parametrize("content_type", [None, JSON, "application/octet-stream"])
def test_json_tensors_return_json_tensors(
    content_type: str | None, data: Any, path: str, client: FlaskClient, iris: Path
) -> None:
    headers, body = in_json(tensor(data), id="7")
    response = client.post(path, data=body, headers=headers, content_type=content_type)
    outputs = read_outputs(response)
    assert (response.headers["X-Model-Name"], response.headers["X-Model-Version"]) == ("iris", "1")
    body = response.get_json()
    assert (body["model_name"], body["model_version"], body["id"]) == ("iris", "1", "7")
    assert [output["datatype"] for output in body["outputs"]] == ["FP32", "BYTES"]
    assert list(outputs) == ["probabilities", "predictions"]
    np.testing.assert_array_equal(outputs["probabilities"].astype(np.float32), _expected(iris))
    assert outputs["predictions"].tolist() == read_version(iris, "iris", 1).artifact.model.best_labels(_expected(iris))


def test_the_id_defaults_to_the_request_id(client: FlaskClient) -> None:
    for request, expected in ((in_json(tensor(ROWS)), "r-1"), (in_json(tensor(ROWS), id="<7>"), "<7>")):
        response = post(client, request, **{"X-Request-ID": "r-1"})
        assert (response.get_json()["id"], response.headers["X-Request-ID"]) == (expected, "r-1")


DTYPES = {f"{'U' * (kind == 'u')}INT{8 * size}": f"<{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)}
DTYPES |= {f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)}


@pytest.mark.parametrize("datatype", DTYPES)
def test_every_numeric_datatype_is_accepted(datatype: str, client: FlaskClient) -> None:
    whole = [[5, 3, 1, 0], [6, 2, 5, 1]]
    expected = post(client, in_json(tensor(whole))).get_json()["outputs"]
    for request in (in_json(tensor(whole, datatype=datatype)), array_request(whole, datatype, DTYPES[datatype])):
        assert post(client, request).get_json()["outputs"] == expected


def test_bfloat16_is_accepted(client: FlaskClient, iris: Path) -> None:
    bits = np.array(ROWS, np.float32).view(np.uint32) & 0xFFFF0000
    request = array_request((bits >> 16).tolist(), "BF16", "<u2")
    expected = _expected(iris, bits.view(np.float32))
    np.testing.assert_array_equal(read_outputs(post(client, request))["probabilities"].astype(np.float32), expected)


@pytest.mark.parametrize("padding", range(4))
def test_binary_tensors_may_be_unaligned(padding: int, client: FlaskClient, iris: Path) -> None:
    response = post(client, array_request(ROWS, id="x" * padding, parameters=ALL_BINARY))
    np.testing.assert_array_equal(read_outputs(response)["probabilities"], _expected(iris))


@pytest.mark.parametrize(
    ("more", "binary"),
    [
        ({}, set()),
        ({"parameters": ALL_BINARY}, {"probabilities", "predictions"}),
        ({"parameters": {"binary_data_output": False}}, set()),
        ({"parameters": None, "outputs": None}, set()),
        ({"parameters": ALL_BINARY, "outputs": []}, {"probabilities", "predictions"}),
        ({"parameters": ALL_BINARY, "outputs": [{"name": "predictions"}]}, {"predictions"}),
        ({"outputs": [{"name": "predictions", "parameters": {"binary_data": True}}]}, {"predictions"}),
        (
            {"parameters": ALL_BINARY, "outputs": [{"name": "probabilities", "parameters": {"binary_data": False}}]},
            set(),
        ),
        (
            {"outputs": [{"name": "predictions"}, {"name": "probabilities", "parameters": {"binary_data": True}}]},
            {"probabilities"},
        ),
    ],
)
def test_requested_outputs_are_returned_in_the_requested_format(
    more: Any, binary: set[str], client: FlaskClient, iris: Path
) -> None:
    response = post(client, in_json(tensor(ROWS), **more))
    names = [output["name"] for output in more.get("outputs") or []] or ["probabilities", "predictions"]
    outputs = read_outputs(response)
    assert list(outputs) == names
    assert {output["name"] for output in response_json(response)["outputs"] if "data" not in output} == binary
    if "probabilities" in names:
        np.testing.assert_array_equal(outputs["probabilities"].astype(np.float32), _expected(iris))


def test_the_timeout_is_in_microseconds(client: FlaskClient) -> None:
    """A microsecond is over before the body is decoded; zero means no timeout, as in Triton."""
    allowed = [in_json(tensor(ROWS), parameters={"timeout": microseconds}) for microseconds in (0, 1, 10**8)]
    statuses = [post(client, request).status_code for request in allowed]
    assert statuses == [200, 504, 200]


def test_unknown_keys_and_parameters_are_ignored(client: FlaskClient) -> None:
    plain = post(client, in_json(tensor(ROWS), id="1"))
    extra = {"content_type": "np", "headers": {"a": [1]}}
    request = in_json(
        tensor(ROWS, parameters=extra, extra=1),
        id="1",
        model_name="other",
        parameters={**extra, "timeout": 0, "priority": 1},
        outputs=[{"name": name, "parameters": extra, "extra": 1} for name in ("probabilities", "predictions")],
    )
    assert post(client, request).data == plain.data


def test_the_last_of_duplicate_keys_is_used(client: FlaskClient) -> None:
    once = post(client, in_json(tensor(ROWS), id="1"))
    body = in_json(tensor(ROWS), id="1")[1].replace(b'{"inputs"', b'{"inputs": 3, "inputs"')
    body = body.replace(b'"shape"', b'"shape": [9], "shape"')
    assert post(client, ({}, body)).data == once.data


@pytest.mark.parametrize(
    ("labels", "datatype"),
    [
        (("no", "yes"), "BYTES"),
        ((3, -4), "INT64"),
        ((0.5, 1.0), "FP64"),
        ((False, True), "BOOL"),
        ((True, 2.0, "maybe"), "BYTES"),
        ((0, 2**63), "BYTES"),
    ],
)
@pytest.mark.parametrize("binary", [False, True])
def test_labels_keep_their_type_or_become_strings(
    binary: bool, labels: tuple[Any, ...], datatype: str, models: Path, rng: np.random.Generator
) -> None:
    for place, label in enumerate(labels):
        client = _client(models, f"m{place}", make_constant(place, labels))
        response = post(
            client, in_json(tensor(ROWS), parameters={"binary_data_output": binary}), f"/v2/models/m{place}/infer"
        )
        text = {True: "true", 2.0: "2", "maybe": "maybe"}.get(label, str(label)) if datatype == "BYTES" else label
        assert read_outputs(response)["predictions"].tolist() == [text, text]
        assert response_json(response)["outputs"][1]["datatype"] == datatype


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("binary", [False, True])
def test_a_regression_returns_only_predictions(
    binary: bool, outputs: int, models: Path, rng: np.random.Generator
) -> None:
    artifact = make_artifact(rng, (4, 8, outputs), labels=())
    request = in_json(tensor(ROWS), parameters={"binary_data_output": binary})
    found = read_outputs(post(_client(models, "price", artifact), request, "/v2/models/price/infer"))
    expected = artifact.model.predict(np.array(ROWS, np.float32))
    assert list(found) == ["predictions"]
    np.testing.assert_array_equal(found["predictions"].astype(np.float32), expected)


@pytest.mark.parametrize("count", [1, 2, 3, 9])
@pytest.mark.parametrize("binary", [False, True])
def test_classifications_are_strings(binary: bool, count: int, client: FlaskClient, iris: Path) -> None:
    wanted = {"name": "probabilities", "parameters": {"classification": count, "binary_data": binary}}
    found = read_outputs(post(client, in_json(tensor(ROWS), outputs=[wanted])))["probabilities"]
    labels = read_version(iris, "iris", 1).artifact.model.labels
    assert found.shape == (2, min(count, 3))
    for texts, row in zip(found.tolist(), _expected(iris), strict=True):
        order = np.argsort(-row, kind="stable")[:count]
        assert [text.split(":")[1:] for text in texts] == [[str(place), labels[place]] for place in order]
        np.testing.assert_array_equal(np.array([text.split(":")[0] for text in texts], np.float32), row[order])


def test_a_raw_binary_request_is_one_row(client: FlaskClient, iris: Path) -> None:
    response = post(client, ({LENGTH: "0"}, np.array(ROW, "<f4").tobytes()), **{"X-Request-ID": "r-1"})
    np.testing.assert_array_equal(read_outputs(response)["probabilities"], _expected(iris, [ROW]))
    assert response_json(response)["id"] == "r-1"
    assert all("data" not in output for output in response_json(response)["outputs"])


def test_a_raw_binary_request_may_be_a_string(models: Path, rng: np.random.Generator) -> None:
    features = Features([Category("colour", categories=("red", "grün"))])
    model = Model(features, make_network(rng, (features.width, 2)), "classification", (0, 1))
    client, path = _client(models, "m", Artifact(model, Golden.measure(model, [["red"]]))), "/v2/models/m/infer"
    raw = read_outputs(post(client, ({LENGTH: "0"}, "grün".encode()), path))
    named = read_outputs(post(client, in_json(tensor(["grün"], [1], "colour", "BYTES")), path))
    np.testing.assert_array_equal(raw["probabilities"], named["probabilities"].astype(np.float32))


@pytest.mark.parametrize(
    "request_", [in_json(tensor(ROWS)), array_request(ROWS), array_request(ROWS, parameters=ALL_BINARY)]
)
def test_bodies_may_be_compressed(request_: RawRequest, client: FlaskClient, iris: Path) -> None:
    headers, body = request_
    for encoding, compress in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        response = post(client, (headers, compress(body)), **{"Content-Encoding": encoding})
        np.testing.assert_array_equal(read_outputs(response)["probabilities"].astype(np.float32), _expected(iris))
