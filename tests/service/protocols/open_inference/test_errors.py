"""Errors of the Open Inference Protocol have its format and are counted; the next request succeeds."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from store import publish
from tests.helpers.bad_requests import AS_BINARY, BAD_TENSORS, PROBABILITIES, with_element
from tests.helpers.models import MakeRng, make_artifact
from tests.helpers.server import parse_metrics, total
from tests.helpers.tensors import (
    ALL_BINARY,
    INFER,
    ROWS,
    RawRequest,
    array_request,
    error_message,
    in_json,
    post,
    tensor,
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, make_rng: MakeRng) -> Iterator[FlaskClient]:
    models = tmp_path_factory.mktemp("errors") / "models"
    publish(models, "iris", make_artifact(make_rng()), {}, {})
    limits = {"max_body_bytes": 10_000, "max_rows": 50, "max_binary_bytes": 20_000, "max_binary_rows": 60}
    app = create_app(Settings(models=models, **limits))  # type: ignore[arg-type]
    yield app.test_client()
    app.extensions["npserve"].reloader.stop()


@pytest.mark.parametrize(("sent", "status", "reason", "message"), BAD_TENSORS)
def test_bad_input_is_rejected_and_the_next_request_succeeds(
    sent: RawRequest, status: int, reason: str, message: str, client: FlaskClient
) -> None:
    before = parse_metrics(client.get("/metrics").text)
    response = post(client, sent)
    assert (response.status_code, message in (reported := error_message(response))) == (status, True), response.text
    assert len(reported) < 400
    assert "secret" not in reported
    after = parse_metrics(client.get("/metrics").text)
    for name, labels in (
        ("npserve_rejected_inputs_total", {"model": "iris", "reason": reason}),
        ("npserve_rejected_inputs_total", {}),
        ("npserve_request_seconds_count", {"protocol": "inference", "outcome": "invalid"}),
    ):
        assert total(after, name, **labels) == total(before, name, **labels) + 1
    assert post(client, array_request(ROWS)).status_code == 200


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v2/models/rose/infer", "Request for unknown model: 'rose' is not found"),
        ("/v2/models/iris/versions/9/infer", "Request for unknown model: 'iris' version 9 is not found"),
        ("/v2/models/iris/versions/x/infer", "Request for unknown model: 'iris' version x is not found"),
        ("/v2/models/iris/infer/", "unknown path"),
        ("/v2/models/iris/aliases/stable/infer", "unknown path"),
    ],
)
def test_unknown_models_versions_and_paths_are_404(path: str, message: str, client: FlaskClient) -> None:
    response = post(client, in_json(tensor(ROWS)), path)
    assert (response.status_code, message in error_message(response)) == (404, True), response.text


def test_other_methods_are_405(client: FlaskClient) -> None:
    for method in ("GET", "PUT", "DELETE"):
        response = client.open(INFER, method=method)
        assert (response.status_code, error_message(response)) == (
            405,
            f"{method} is not allowed for {INFER}: use OPTIONS, POST",
        )


def test_a_model_without_a_loaded_version_is_503(iris: Path) -> None:
    (iris / "iris/1/model.npz").unlink()
    response = post(create_app(Settings(models=iris)).test_client(), in_json(tensor(ROWS)))
    assert (response.status_code, response.headers["Retry-After"]) == (503, "1")
    assert "stable version of iris could not be loaded" in error_message(response)


def test_outputs_of_many_rows_must_be_binary(client: FlaskClient) -> None:
    for more in ({"parameters": ALL_BINARY}, {"outputs": [PROBABILITIES | AS_BINARY]}):
        assert post(client, array_request(np.zeros((51, 4)), **more)).status_code == 200
    assert post(client, array_request(np.zeros((50, 4)))).status_code == 200


def test_a_single_boolean_among_thousands_of_numbers_is_located(iris: Path) -> None:
    client = create_app(Settings(models=iris)).test_client()
    body = json.dumps({"inputs": [tensor(with_element(True, 31_005, 40_000), [10_000, 4])]}).encode()
    assert "row 7751, column 1: expected a number, got a boolean" in error_message(post(client, ({}, body)))
