"""The size of a response is limited, and known before the forward pass."""

from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient

from service.app import create_app
from service.settings import Settings
from tests.helpers.models import ROW
from tests.helpers.npy import NPY, write_npy

# iris has three outputs: 12 bytes each in JSON, 4 in binary.
LIMIT = 3600
TOO_LARGE = f"; at most {LIMIT} are sent: send fewer rows per request, or request fewer or binary outputs"


@pytest.fixture
def client(iris: Path) -> FlaskClient:
    app = create_app(Settings(models=iris, default_model="iris", max_response_bytes=LIMIT))
    app.extensions["npserve"].reloader.stop()
    return app.test_client()


def _tensors(rows: int, **request: object) -> dict[str, object]:
    return {"inputs": [{"name": "input", "shape": [rows, 4], "datatype": "FP32", "data": ROW * rows}], **request}


BINARY = {"name": "probabilities", "parameters": {"binary_data": True}}
TOP = {"name": "probabilities", "parameters": {"classification": 1}}


@pytest.mark.parametrize(
    ("path", "body", "rows"),
    [
        ("/predict", lambda rows: {"instances": [ROW] * rows}, 100),
        ("/predict", lambda rows: {"instances": [ROW] * rows, "top": 1}, 56),
        ("/v1/models/iris:predict", lambda rows: {"instances": [ROW] * rows}, 100),
        ("/v2/models/iris/infer", lambda rows: _tensors(rows, outputs=[{"name": "probabilities"}]), 100),
        ("/v2/models/iris/infer", lambda rows: _tensors(rows, outputs=[BINARY]), 300),
        ("/v2/models/iris/infer", lambda rows: _tensors(rows, outputs=[TOP]), 56),
        ("/v2/models/iris/infer", _tensors, 75),
    ],
)
def test_a_response_beyond_the_limit_is_rejected_before_the_pass(
    path: str, body: object, rows: int, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(body)
    assert client.post(path, json=body(rows)).status_code == 200
    monkeypatch.setattr("service.prediction.pipeline.forward", lambda *_, **__: pytest.fail("a pass was computed"))
    response = client.post(path, json=body(rows + 1))
    assert response.status_code == 413
    assert response.get_json()["error"].startswith("the response would have about ")
    assert response.get_json()["error"].endswith(TOO_LARGE)


def test_an_array_is_smaller_than_json(client: FlaskClient) -> None:
    def status(rows: int) -> int:
        body = write_npy(np.tile(np.array(ROW, np.float32), (rows, 1)))
        return client.post("/predict", data=body, content_type=NPY).status_code

    assert (status(300), status(301)) == (200, 413)
