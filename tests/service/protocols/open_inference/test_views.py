"""The read-only routes of the Open Inference Protocol: server, health, models and repository index."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from nn import Artifact
from npserve import __version__
from service.app import create_app
from service.settings import Settings
from store import publish
from tests.helpers.models import make_artifact
from tests.helpers.tensors import ROWS, error_message, in_json, post, tensor


@pytest.mark.parametrize("path", ["/v2", "/v2/"])
def test_server_metadata(path: str, client: FlaskClient) -> None:
    response = client.get(path)
    assert response.get_json() == {
        "name": "npserve",
        "version": __version__,
        "extensions": ["binary_tensor_data", "classification", "model_repository"],
    }
    assert client.head(path).status_code == 200
    assert version("npserve") == __version__


def test_server_and_model_are_live_and_ready(client: FlaskClient) -> None:
    assert client.get("/v2/health/live").get_json() == {"live": True}
    assert client.get("/v2/health/ready").get_json() == {"ready": True, "live": True}
    for path in ("/v2/models/iris/ready", "/v2/models/iris/versions/1/ready"):
        assert client.get(path).get_json() == {"name": "iris", "ready": True}
    assert client.get("/v2/models").get_json() == {"models": ["iris"]}


@pytest.mark.parametrize("path", ["/v2/models/iris", "/v2/models/iris/versions/1"])
def test_model_metadata(path: str, client: FlaskClient) -> None:
    assert client.get(path).get_json() == {
        "name": "iris",
        "versions": ["1"],
        "platform": "npserve_numpy",
        "inputs": [{"name": "input", "datatype": "FP32", "shape": [-1, 4]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 3]},
            {"name": "predictions", "datatype": "BYTES", "shape": [-1]},
        ],
    }


@pytest.mark.parametrize("outputs", [1, 2])
def test_a_regression_outputs_only_predictions(outputs: int, models: Path, rng: np.random.Generator) -> None:
    publish(models, "price", make_artifact(rng, (4, 8, outputs), labels=()), {}, {})
    described = create_app(Settings(models=models)).test_client().get("/v2/models/price").get_json()
    assert described["outputs"] == [{"name": "predictions", "datatype": "FP32", "shape": [-1, outputs]}]


@pytest.mark.parametrize("path", ["rose", "rose/ready", "iris/versions/2", "iris/versions/2/ready"])
def test_unknown_models_are_404(path: str, client: FlaskClient) -> None:
    response = client.get(f"/v2/models/{path}")
    assert response.status_code == 404
    assert error_message(response).startswith("Request for unknown model: ")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"ready": false}', b'{"ready": true, "other": 1}'])
def test_the_index_lists_loaded_versions(body: bytes, client: FlaskClient) -> None:
    entry = {"name": "iris", "version": "1", "state": "READY", "reason": ""}
    assert client.post("/v2/repository/index", data=body).get_json() == [entry]


@pytest.mark.parametrize("body", [b"x", b"[]", b'{"ready": 1}', b'{"ready": null}', b" " * 20_000 + b"{}"])
def test_an_invalid_index_request_is_400(body: bytes, client: FlaskClient) -> None:
    response = client.post("/v2/repository/index", data=body)
    assert (response.status_code, len(error_message(response)) < 200) == (400, True)


def test_versions_that_fail_to_load_are_reported(iris: Path, artifact: Artifact) -> None:
    publish(iris, "iris", artifact, {}, {}, force=True)
    (iris / "iris/1/model.npz").unlink()
    publish(iris, "rose", artifact, {}, {})
    (iris / "rose/serving.json").write_text("{")
    client = create_app(Settings(models=iris)).test_client()
    entries = client.post("/v2/repository/index").get_json()
    assert [(entry["name"], entry["version"], entry["state"]) for entry in entries] == [
        ("iris", "2", "READY"),
        ("iris", "1", "UNAVAILABLE"),
        ("rose", "", "UNAVAILABLE"),
    ]
    assert "No such file" in entries[1]["reason"]
    assert "damaged" in entries[2]["reason"]
    assert client.post("/v2/repository/index", json={"ready": True}).get_json() == entries[:1]
    assert client.get("/v2/health/ready").status_code == 200
    for path in ("iris/versions/1", "iris/versions/1/ready", "rose", "rose/ready"):
        response = client.get(f"/v2/models/{path}")
        assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
        assert response.get_json()["error"]
        assert response.get_json().get("ready", False) is False


def test_a_server_without_models_is_not_ready(models: Path) -> None:
    client = create_app(Settings(models=models)).test_client()
    response = client.get("/v2/health/ready")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert response.get_json() == {
        "ready": False,
        "live": True,
        "error": "not ready: the store has no published model",
    }
    assert client.get("/v2/health/live").get_json() == {"live": True}
    assert client.get("/v2/models").get_json() == {"models": []}
    assert client.post("/v2/repository/index").get_json() == []


@pytest.mark.parametrize("action", ["load", "unload"])
def test_load_and_unload_are_rejected(action: str, client: FlaskClient) -> None:
    response = client.post(f"/v2/repository/models/iris/{action}", json={})
    assert response.status_code == 400
    assert "the store decides what is served; use npserve promote" in error_message(response)
    assert post(client, in_json(tensor(ROWS))).status_code == 200
