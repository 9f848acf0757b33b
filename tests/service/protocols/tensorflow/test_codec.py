"""The REST API of TensorFlow Serving under /v1: requests, responses, errors and read-only routes."""

import gzip
import json
import subprocess
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from nn import Artifact, Boolean, Category, Date, Features, Golden, Model, Number
from service.app import create_app
from service.errors import TooLarge
from service.protocols.tensorflow.body import predict_schema
from service.settings import Settings
from store import publish, read_version, set_alias
from tests.helpers.bad_requests import BAD_TENSORFLOW
from tests.helpers.models import ROW, make_artifact, make_constant, make_network
from tests.helpers.server import Server, parse_metrics, total
from tests.helpers.wire import JSON

PREDICT = "/v1/models/iris:predict"
ROWS = [ROW, [6.0, 2.0, 5.0, 1.5]]
COLUMNS = {f"feature {j}": [row[j] for row in ROWS] for j in range(4)}
PEOPLE: list[list[Any]] = [[39, "private", True, "2024-05-31"], [40.5, None, False, None]]
NAMES = ("age", "work", "member", "since")


@pytest.fixture
def people(models: Path, rng: np.random.Generator) -> FlaskClient:
    """Return a client of an app that serves a model with a number, a category, a boolean and a date."""
    columns = [
        Number("age"),
        Category("work", missing=True, categories=("private", "public")),
        Boolean("member"),
        Date("since", missing=True),
    ]
    features = Features(columns, dropped=["id"])
    model = Model(features, make_network(rng, (features.width, 8, 2)), "classification", ("no", "yes"))
    publish(models, "people", Artifact(model, Golden.measure(model, [list(row) for row in PEOPLE])), {}, {})
    return create_app(Settings(models=models)).test_client()


def _post(client: FlaskClient, body: Any, path: str = PREDICT, **options: Any) -> TestResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, data=raw, content_type=options.pop("content_type", JSON), **options)


def _error(response: TestResponse) -> str:
    """Assert the format of an error, and return its message."""
    assert response.content_type == JSON
    assert response.headers["X-Request-ID"]
    body = response.get_json()
    assert list(body) == ["error"]
    return str(body["error"])


def _expected(models: Path) -> np.ndarray:
    return np.asarray(read_version(models, "iris", 1).artifact.model.predict(np.array(ROWS, np.float32)))


@pytest.mark.parametrize(
    "path", [PREDICT, "/v1/models/iris/versions/1:predict", "/v1/models/iris/labels/stable:predict"]
)
def test_rows_return_predictions(path: str, client: FlaskClient, iris: Path) -> None:
    response = _post(client, {"instances": ROWS}, path)
    assert response.status_code == 200
    assert (response.headers["X-Model-Name"], response.headers["X-Model-Version"]) == ("iris", "1")
    assert list(response.get_json()) == ["predictions"]
    np.testing.assert_array_equal(np.array(response.get_json()["predictions"], np.float32), _expected(iris))


@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"instances": [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]}, "predictions"),
        ({"instances": [{"input": row} for row in ROWS]}, "predictions"),
        ({"inputs": ROWS}, "outputs"),
        ({"inputs": {"input": ROWS}}, "outputs"),
        ({"inputs": COLUMNS}, "outputs"),
        ({"inputs": {name: [[cell] for cell in COLUMNS[name]] for name in reversed(COLUMNS)}}, "outputs"),
        ({"inputs": ROWS, "signature_name": "serving_default"}, "outputs"),
        ({"signature_name": "", "instances": ROWS, "context": {"a": [1]}}, "predictions"),
    ],
)
def test_every_input_format_returns_the_same_outputs(body: Any, key: str, client: FlaskClient, iris: Path) -> None:
    response = _post(client, body).get_json()
    assert list(response) == [key]
    np.testing.assert_array_equal(np.array(response[key], np.float32), _expected(iris))


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [dict(zip(NAMES, row, strict=True)) for row in PEOPLE]},
        {"instances": [{**dict(zip(NAMES, PEOPLE[0], strict=True)), "id": 7}, {"age": [40.5], "member": [False]}]},
        {"inputs": {name: [row[j] for row in PEOPLE] for j, name in enumerate(NAMES)}},
        {"inputs": {name: [[row[j]] for row in PEOPLE] for j, name in enumerate(NAMES)} | {"id": "dropped"}},
    ],
)
def test_mixed_columns_are_accepted_by_name(body: Any, people: FlaskClient) -> None:
    path = "/v1/models/people:predict"
    expected = _post(people, {"instances": PEOPLE}, path).get_json()["predictions"]
    assert np.shape(expected) == (2, 2)
    (found,) = _post(people, body, path).get_json().values()
    assert found == expected


def test_columns_that_may_be_missing_may_be_absent(people: FlaskClient) -> None:
    path = "/v1/models/people:predict"
    rows = [[1, None, True, None], [2, None, False, None]]
    expected = _post(people, {"instances": rows}, path).get_json()["predictions"]
    columns = {"age": [1, 2], "member": [True, False]}
    assert _post(people, {"inputs": columns}, path).get_json() == {"outputs": expected}


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_regression_returns_lists_of_values_like_keras(outputs: int, models: Path, rng: np.random.Generator) -> None:
    artifact = make_artifact(rng, (4, 8, outputs), labels=())
    publish(models, "price", artifact, {}, {})
    response = _post(create_app(Settings(models=models)).test_client(), {"inputs": ROWS}, "/v1/models/price:predict")
    expected = artifact.model.predict(np.array(ROWS, np.float32))
    assert expected.shape == (2, outputs)
    np.testing.assert_allclose(response.get_json()["outputs"], expected, rtol=1e-6)


def test_integral_outputs_are_encoded_as_floats(models: Path) -> None:
    publish(models, "sure", make_constant(0, labels=("a",)), {}, {})
    response = _post(create_app(Settings(models=models)).test_client(), {"inputs": ROWS}, "/v1/models/sure:predict")
    assert response.data == b'{"outputs":[[1.0],[1.0]]}'


def test_a_feature_may_be_named_input(models: Path, rng: np.random.Generator) -> None:
    model = Model(Features([Number("input")]), make_network(rng, (1, 2)), "classification", (0, 1))
    publish(models, "m", Artifact(model, Golden.measure(model, [[1]])), {}, {})
    client, path = create_app(Settings(models=models)).test_client(), "/v1/models/m:predict"
    bodies = [{"input": [1, 2]}, {"input": [[1], [2]]}, [[1], [2]]]
    responses = [_post(client, {"inputs": body}, path).get_json() for body in bodies]
    responses += [
        {"outputs": _post(client, {"instances": [{"input": 1}, {"input": 2}]}, path).get_json()["predictions"]}
    ]
    assert np.shape(responses[0]["outputs"]) == (2, 2)
    assert responses.count(responses[0]) == 4


def test_the_last_of_duplicate_keys_is_used(client: FlaskClient) -> None:
    once = _post(client, {"instances": [ROW]}).data
    assert _post(client, b'{"instances": [[1]], "instances": [[5.1, 3.5, 1.4, 0.2]]}').data == once
    named = (
        b'{"instances": [{"feature 0": "x", "feature 1": 3.5, "feature 2": 1.4, "feature 3": 0.2, "feature 0": 5.1}]}'
    )
    assert _post(client, named).data == once


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (JSON, 200),
        ("", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/x-www-form-urlencoded", 200),
        ("text/plain", 415),
        ("multipart/form-data", 415),
        ("application/x-npy", 415),
    ],
)
def test_unsupported_content_types_are_415(content_type: str, status: int, client: FlaskClient) -> None:
    response = _post(client, {"instances": ROWS}, content_type=content_type)
    assert response.status_code == status
    if status == 415:
        assert "send the header Content-Type: application/json" in _error(response)


def test_bodies_may_be_compressed(client: FlaskClient, iris: Path) -> None:
    packed = gzip.compress(json.dumps({"inputs": ROWS}).encode())
    response = _post(client, packed, headers={"Content-Encoding": "gzip"})
    np.testing.assert_array_equal(np.array(response.get_json()["outputs"], np.float32), _expected(iris))
    bomb = _post(client, gzip.compress(b" " * 10_000_000), headers={"Content-Encoding": "gzip"})
    assert (bomb.status_code, _error(bomb)) == (
        413,
        "the body is larger than 10000 bytes: send fewer rows per request",
    )
    assert _post(client, packed[:-9], headers={"Content-Encoding": "gzip"}).status_code == 400


@pytest.mark.parametrize(("body", "status", "message"), BAD_TENSORFLOW)
def test_bad_bodies_are_rejected(body: bytes, status: int, message: str, client: FlaskClient) -> None:
    response = _post(client, body)
    assert (response.status_code, message in _error(response)) == (status, True), response.text
    series = parse_metrics(client.get("/metrics").text)
    assert total(series, "npserve_rejected_inputs_total", model="iris") == 1
    assert total(series, "npserve_request_seconds_count", protocol="tensorflow", outcome="invalid") == 1
    assert _post(client, {"instances": ROWS}).status_code == 200


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"feature 1": [3, "x"]}, "/inputs/feature 1/1: expected a number, got a string"),
        ({"feature 1": [3, [1, 2]]}, "/inputs/feature 1/1: expected a number, got a list"),
        ({"feature 1": [3]}, "/inputs/feature 1: expected 2 values, as in the first column, got 1 value"),
        ({"feature 3": 1}, "/inputs/feature 3: expected a list of values, got a number"),
        (
            {"feature 3": None, "b/c": []},
            "/inputs/b~1c: expected the name of a feature, got an unknown key (and 1 more)",
        ),
        ({"feature 0": [1], "feature 1": [1, 1, 1]}, "/inputs/feature 1: expected 1 value, as in the first column"),
        ({name: [] for name in COLUMNS}, "/inputs: expected a list of at least one row, got an empty list"),
    ],
)
def test_bad_columns_are_rejected(columns: Any, message: str, client: FlaskClient) -> None:
    response = _post(client, {"inputs": {**COLUMNS, **columns}})
    assert (response.status_code, message in _error(response)) == (400, True), response.text
    assert _post(client, {"inputs": COLUMNS}).status_code == 200


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"inputs": PEOPLE}, "/inputs: expected an object of columns by name, got a list"),
        ({"inputs": {"input": PEOPLE}}, "/inputs/input: expected the name of a feature"),
        ({"instances": [{"input": PEOPLE[0]}]}, "/instances/0/input: expected the name of a feature"),
        ({"instances": [{"age": [1, 2], "member": True}]}, "/instances/0/age: expected a number, got a list"),
        ({"instances": [{"age": 1, "member": {"b64": "AA=="}}]}, "expected true or false, got an object"),
        ({"instances": [{"age": 1, "member": True}, PEOPLE[0]]}, "/instances/1: expected an object like the first row"),
        ({"inputs": {"age": [1], "member": [1]}}, "/inputs/member/0: expected true or false, got a number"),
    ],
)
def test_bad_mixed_columns_are_rejected(body: Any, message: str, people: FlaskClient) -> None:
    response = _post(people, body, "/v1/models/people:predict")
    assert (response.status_code, message in _error(response)) == (400, True), response.text


@pytest.mark.parametrize("body", [{"inputs": {"n0": [1] * 50_000}}, {"instances": [{}] * 50_000}])
def test_too_many_rows_are_rejected_before_they_are_converted(body: Any) -> None:
    """A million of these rows compress to four kilobytes, but take far more memory when converted."""
    schema = predict_schema(Features([Number(f"n{i}", missing=True) for i in range(30)]), 100)
    tracemalloc.start()
    with pytest.raises(TooLarge, match="50000 rows; at most 100 are accepted"):
        schema.load(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000


@pytest.mark.parametrize("key", ["instances", "inputs"])
def test_a_single_boolean_among_thousands_of_numbers_is_located(
    key: str, models: Path, rng: np.random.Generator
) -> None:
    publish(models, "wide", make_artifact(rng, (64, 3)), {}, {})
    client = create_app(Settings(models=models)).test_client()
    rows: list[list[Any]] = [[0.5] * 64 for _ in range(100)]
    rows[61][7] = True
    response = _post(client, {key: rows}, "/v1/models/wide:predict")
    assert (response.status_code, _error(response)) == (400, f"/{key}/61/7: expected a number, got a boolean")


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/models/rose:predict", 404, "Servable not found for request: Latest(rose)"),
        ("/v1/models/rose/versions/50:predict", 404, "Servable not found for request: Latest(rose)"),
        ("/v1/models/iris/versions/50:predict", 404, "Servable not found for request: Specific(iris, 50)"),
        ("/v1/models/iris/versions/01:predict", 404, "Servable not found for request: Specific(iris, 01)"),
        ("/v1/models/iris/labels/nope:predict", 400, "Unrecognized servable version label: nope"),
        ("/v1/models/iris/labels/1:predict", 400, "Unrecognized servable version label: 1"),
        ("/v1/models/iris/version/1:predict", 400, "Malformed request: POST /v1/models/iris/version/1:predict"),
        ("/v1/models/iris:explain", 400, "Malformed request: POST /v1/models/iris:explain"),
        ("/v1/models/a:b:predict", 400, "Malformed request: POST /v1/models/a:b:predict"),
        ("/v1/foo", 400, "Malformed request: POST /v1/foo"),
        ("/v1/models", 405, "Malformed request: POST /v1/models"),
    ],
)
def test_unknown_models_versions_labels_and_paths_are_rejected(
    path: str, status: int, message: str, client: FlaskClient
) -> None:
    response = _post(client, {"instances": ROWS}, path)
    assert (response.status_code, _error(response)) == (status, message)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/v1/models/rose", 404, "Could not find any versions of model rose"),
        ("/v1/models/rose/versions/1", 404, "Could not find any versions of model rose"),
        ("/v1/models/iris/versions/7", 404, "Could not find version 7 of model iris"),
        ("/v1/models/iris/labels/nope", 400, "Unrecognized servable version label: nope"),
        ("/v1/models/rose/metadata", 404, "Servable not found for request: Latest(rose)"),
        ("/v1/models/iris/versions/7/metadata", 404, "Servable not found for request: Specific(iris, 7)"),
        ("/v1/models/iris/labels/nope/metadata", 400, "Unrecognized servable version label: nope"),
        ("/v1/models/iris/data", 400, "Malformed request: GET /v1/models/iris/data"),
        ("/v1/models/iris:predict", 405, "Malformed request: GET /v1/models/iris:predict"),
    ],
)
def test_errors_of_read_only_routes(path: str, status: int, message: str, client: FlaskClient) -> None:
    response = client.get(path)
    assert (response.status_code, _error(response)) == (status, message)
    assert ("Allow" in response.headers) == (status == 405)


AVAILABLE = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}


def test_the_status_lists_the_versions_newest_first(app: Flask, client: FlaskClient, iris: Path) -> None:
    assert client.get("/v1/models").get_json() == {"models": ["iris"]}
    assert client.get("/v1/models/iris").get_json() == {
        "name": "iris",
        "ready": True,
        "model_version_status": [AVAILABLE],
    }
    publish(iris, "iris", make_constant(1), {}, {}, force=True)
    set_alias(iris, "iris", "old", 1)
    (iris / "iris/2/model.npz").write_bytes(b"damaged")
    app.extensions["npserve"].reloader.poll()
    described = client.get("/v1/models/iris").get_json()
    newest, *others = described["model_version_status"]
    assert described["ready"] is True
    assert others == [AVAILABLE]
    assert (newest["version"], newest["state"]) == ("2", "END")
    assert newest["status"]["error_code"] == "UNAVAILABLE"
    assert "SHA-256 differs" in newest["status"]["error_message"]
    for path, state in {"versions/2": newest, "versions/1": AVAILABLE, "labels/old": AVAILABLE}.items():
        assert client.get(f"/v1/models/iris/{path}").get_json() == {"model_version_status": [state]}


def test_a_model_without_a_loaded_version_is_not_ready(models: Path, artifact: Artifact) -> None:
    publish(models, "iris", artifact, {}, {})
    (models / "iris/1/model.npz").unlink()
    client = create_app(Settings(models=models)).test_client()
    described = client.get("/v1/models/iris")
    assert (described.status_code, described.get_json()["ready"]) == (200, False)
    for response in (_post(client, {"instances": ROWS}), client.get("/v1/models/iris/metadata")):
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert "stable version of iris could not be loaded" in _error(response)


def test_a_broken_store_is_503(models: Path) -> None:
    models.rmdir()
    client = create_app(Settings(models=models)).test_client()
    for path in ("/v1/models/iris", "/v1/models/iris/versions/1", "/v1/models/iris/metadata"):
        response = client.get(path)
        assert response.status_code == 503
        assert "can't be read" in _error(response)
    assert client.get("/v1/models").get_json() == {"models": []}


def _tensor(dtype: str, width: int, name: str) -> dict[str, Any]:
    dims = [{"size": "-1", "name": ""}, {"size": str(width), "name": ""}]
    return {"dtype": dtype, "tensor_shape": {"dim": dims, "unknown_rank": False}, "name": name}


@pytest.mark.parametrize("path", ["", "/versions/1", "/labels/stable"])
def test_the_metadata_of_a_model_of_numbers(path: str, client: FlaskClient) -> None:
    assert client.get(f"/v1/models/iris{path}/metadata").get_json() == {
        "model_spec": {"name": "iris", "signature_name": "", "version": "1"},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    "serving_default": {
                        "inputs": {"input": _tensor("DT_FLOAT", 4, "input:0")},
                        "outputs": {"output": _tensor("DT_FLOAT", 3, "output:0")},
                        "method_name": "tensorflow/serving/predict",
                        "defaults": {},
                    }
                }
            }
        },
    }


def test_the_metadata_of_a_model_of_mixed_columns(people: FlaskClient) -> None:
    described = people.get("/v1/models/people/metadata").get_json()
    signature = described["metadata"]["signature_def"]["signature_def"]["serving_default"]
    dtypes = zip(NAMES, ("DT_FLOAT", "DT_STRING", "DT_BOOL", "DT_STRING"), strict=True)
    assert signature["inputs"] == {name: _tensor(dtype, 1, f"{name}:0") for name, dtype in dtypes}


def test_an_internal_error_is_not_disclosed(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("an internal secret")

    monkeypatch.setattr("service.protocols.tensorflow.codec.parse_rows", broken)
    response = _post(client, {"instances": ROWS})
    assert (response.status_code, _error(response)) == (500, "internal error")


def test_a_client_session_with_a_running_server(shared_server: Server) -> None:
    """A TensorFlow Serving client reads the status and the metadata, predicts, and receives an error."""
    with requests.Session() as session:
        url = f"{shared_server.url}/v1/models/iris"
        assert session.get(url).json()["model_version_status"] == [AVAILABLE]
        described = session.get(f"{url}/metadata").json()
        signature = described["metadata"]["signature_def"]["signature_def"]["serving_default"]
        ((name, tensor),) = signature["inputs"].items()
        assert tensor["tensor_shape"]["dim"][1]["size"] == str(len(ROW))
        for body, key in (
            ({"instances": ROWS}, "predictions"),
            ({"instances": [{name: row} for row in ROWS]}, "predictions"),
            ({"signature_name": "serving_default", "inputs": {name: ROWS}}, "outputs"),
        ):
            response = session.post(f"{url}:predict", data=json.dumps(body))
            assert response.status_code == 200
            np.testing.assert_allclose(response.json()[key], _expected(shared_server.models), atol=1e-6)
        rejected = session.post(f"{url}/versions/7:predict", json={"instances": ROWS})
        assert (rejected.status_code, rejected.json()) == (
            404,
            {"error": "Servable not found for request: Specific(iris, 7)"},
        )
        assert session.post(f"{url}/versions/1:predict", json={"instances": [ROW]}).ok
    curl = ["curl", "-s", f"{url}:predict", "-d", json.dumps({"instances": [ROW]})]
    printed = json.loads(subprocess.run(curl, capture_output=True, check=True).stdout)
    np.testing.assert_allclose(printed["predictions"], _expected(shared_server.models)[:1], atol=1e-6)
