"""Options of the native protocol besides JSON rows and probabilities: NumPy's file format, and the top labels."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from nn import Artifact, Boolean, Features, Golden, Model
from service.app import create_app
from service.settings import Settings
from store import publish, read_version
from tests.helpers.models import make_artifact, make_network
from tests.helpers.npy import NPY, write_npy

ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.0, 2.0, 5.0, 1.5]])


def _post(client: FlaskClient, body: bytes, accept: str = "*/*", kind: str = NPY) -> TestResponse:
    return client.post("/predict", data=body, content_type=kind, headers={"Accept": accept})


def _expected(models: Path, rows: np.ndarray = ROWS) -> np.ndarray:
    return np.asarray(read_version(models, "iris", 1).artifact.model.predict(rows.astype(np.float32)))


@pytest.mark.parametrize("dtype", ["<f4", "<f8", ">f8", "f2"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_an_array_returns_an_array(dtype: str, version: tuple[int, int], client: FlaskClient, iris: Path) -> None:
    rows = ROWS.astype(dtype)
    response = _post(client, write_npy(np.asfortranarray(rows), version))
    assert (response.status_code, response.content_type) == (200, NPY)
    assert (response.headers["X-Model-Name"], response.headers["X-Model-Version"]) == ("iris", "1")
    found = np.load(io.BytesIO(response.data), allow_pickle=False)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, _expected(iris, rows), atol=1e-6)


def test_integer_arrays_are_accepted(client: FlaskClient) -> None:
    responses = [_post(client, write_npy(np.array([[5, 3, 1, 0]], dtype))).data for dtype in ("u1", "<i8", "<f4")]
    assert len(set(responses)) == 1


def test_accept_selects_the_response_format(client: FlaskClient, iris: Path) -> None:
    response = _post(client, write_npy(ROWS), "application/json")
    assert response.content_type == "application/json"
    np.testing.assert_allclose(response.get_json()["probabilities"], _expected(iris), atol=1e-6)
    response = _post(client, b'{"instances": [[5.1, 3.5, 1.4, 0.2]]}', NPY, "application/json")
    np.testing.assert_allclose(np.load(io.BytesIO(response.data)), _expected(iris)[:1], atol=1e-6)


class Trap:
    """Unpickling an instance creates a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("/tmp/npserve-was-here"),))


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "not an array of numbers in NumPy's format"),
        (b"hello", 400, "not an array of numbers in NumPy's format"),
        (write_npy(ROWS)[:-1], 400, "expected as many bytes after the header"),
        (write_npy(ROWS) + b"0", 400, "expected as many bytes after the header"),
        (write_npy([["a", "b", "c", "d"]]), 400, "expected a numeric type such as '<f4'"),
        (write_npy([[True, False, True, True]]), 400, "expected a numeric type such as '<f4'"),
        (write_npy(np.array([[Trap()]], object)), 400, "expected a numeric type such as '<f4'"),
        (write_npy(ROWS).replace(b"(2, 4)", b"(-2,4)"), 400, "not an array"),
        (write_npy(ROWS[:, :3]), 422, "expected an array of shape (n, 4), got one of shape (2, 3)"),
        (write_npy(ROWS[0]), 422, "got one of shape (4,)"),
        (write_npy(ROWS[:0]), 422, "got one of shape (0, 4)"),
        (write_npy(ROWS[None]), 422, "got one of shape (1, 2, 4)"),
        (write_npy([[1, 2, 3, np.nan]]), 422, "/instances/0/3: expected a number within"),
        (write_npy([[1, 2, 3, 4], [1, np.inf, 1e39, 4]]), 422, "/instances/1/1: expected a number within"),
        (write_npy(np.full((1, 4), 3e38, "f4")), 422, "numbers whose sums fit in float32"),
        (write_npy(np.zeros((51, 4), "u1")), 413, "51 rows; at most 50"),
        (write_npy(np.zeros((1000, 4))), 413, "larger than 20000 bytes"),
    ],
)
def test_invalid_arrays_are_rejected(body: bytes, status: int, message: str, iris: Path) -> None:
    client = create_app(Settings(models=iris, max_binary_bytes=20_000, max_binary_rows=50)).test_client()
    response = _post(client, body)
    assert (response.status_code, message in response.get_json()["error"]) == (status, True), response.text
    assert not Path("/tmp/npserve-was-here").exists()
    assert _post(client, write_npy(ROWS)).status_code == 200


def test_the_response_for_many_rows_must_be_an_array(iris: Path) -> None:
    """As JSON, the response to a few compressed kB could take hundreds of MB."""
    client = create_app(Settings(models=iris, max_rows=50)).test_client()
    for rows, accept, status in ((50, "application/json", 200), (51, "application/json", 413), (51, NPY, 200)):
        response = _post(client, write_npy(np.zeros((rows, 4))), accept)
        assert response.status_code == status
        if status == 413:
            assert response.get_json()["error"] == f"51 rows; at most 50 are returned as JSON: send Accept: {NPY}"


def test_a_model_with_non_numeric_columns_rejects_arrays(models: Path, rng: np.random.Generator) -> None:
    model = Model(Features([Boolean("b")]), make_network(rng, (1, 2)), "classification", (0, 1))
    publish(models, "m", Artifact(model, Golden.measure(model, [[True]])), {}, {})
    response = _post(create_app(Settings(models=models)).test_client(), write_npy([[1.0]]))
    assert response.status_code == 415
    assert "send JSON" in response.get_json()["error"]


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_top_returns_the_most_probable_labels(count: int, client: FlaskClient, iris: Path) -> None:
    response = client.post("/predict", json={"instances": ROWS.tolist(), "top": count}).get_json()
    assert list(response) == ["model", "version", "predictions", "top"]
    labels = read_version(iris, "iris", 1).artifact.model.labels
    for best, row, prediction in zip(response["top"], _expected(iris), response["predictions"], strict=True):
        order = np.argsort(-row, kind="stable")[:count]
        assert [entry["label"] for entry in best] == [labels[place] for place in order]
        np.testing.assert_allclose([entry["probability"] for entry in best], row[order], atol=1e-6)
        assert best[0]["label"] == prediction


@pytest.mark.parametrize("top", [0, -1, 1.5, True, "2", None, [1]])
def test_top_must_be_a_positive_integer(top: Any, client: FlaskClient) -> None:
    response = client.post("/predict", json={"instances": ROWS.tolist(), "top": top})
    assert response.status_code == 422
    (problem,) = response.get_json()["details"]
    assert (problem["pointer"], problem["expected"]) == ("/top", "a positive integer")


@pytest.mark.parametrize("top", [1, None])
def test_a_regression_rejects_top(top: Any, models: Path, rng: np.random.Generator) -> None:
    publish(models, "price", make_artifact(rng, (4, 1), labels=()), {}, {})
    client = create_app(Settings(models=models)).test_client()
    response = client.post("/predict", json={"instances": [[1] * 4], "top": top})
    assert response.status_code == 422
    assert "a regression has no labels" in response.get_json()["error"]
