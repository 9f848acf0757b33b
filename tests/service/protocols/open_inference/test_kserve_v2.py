"""KServe's client works with a running server over the Open Inference Protocol (V2)."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests

from store import read_version
from tests.helpers.kserve import call_client, import_kserve
from tests.helpers.models import ROW
from tests.helpers.server import Server

httpx = pytest.importorskip("httpx")

ROWS = np.array([ROW, [6.0, 2.0, 5.0, 1.5]], np.float32)


_call = partial(call_client, "v2")


def _request(binary: bool, rows: np.ndarray = ROWS, dtype: str = "FP32", **options: Any) -> Any:
    given = import_kserve().InferInput("input", list(rows.shape), dtype)
    given.set_data_from_numpy(rows, binary_data=binary)
    return import_kserve().InferRequest("iris", [given], request_id="7", **options)


def _expected(models: Path) -> np.ndarray:
    return np.asarray(read_version(models, "iris", 1).artifact.model.predict(ROWS))


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", [True, False])
def test_the_client_predicts(binary_out: bool, binary_in: bool, shared_server: Server) -> None:
    request = _request(binary_in, parameters={"binary_data_output": binary_out})
    response = _call(lambda client: client.infer(shared_server.url, request, model_name="iris"))
    assert (response.model_name, response.id) == ("iris", "7")
    probabilities, predictions = response.outputs
    np.testing.assert_allclose(probabilities.as_numpy(), _expected(shared_server.models), atol=1e-6)
    labels = read_version(shared_server.models, "iris", 1).artifact.model.best_labels(_expected(shared_server.models))
    found = predictions.as_numpy().tolist()
    assert [label.decode() if isinstance(label, bytes) else label for label in found] == labels


def test_the_client_sends_half_precision_and_selects_outputs(shared_server: Server) -> None:
    wanted = [import_kserve(".protocol.infer_type").RequestedOutput("probabilities", {"binary_data": True})]
    request = _request(True, ROWS.astype(np.float16), "FP16", request_outputs=wanted)
    response = _call(lambda client: client.infer(shared_server.url, request, model_name="iris"))
    assert [output.name for output in response.outputs] == ["probabilities"]
    np.testing.assert_allclose(response.outputs[0].as_numpy(), _expected(shared_server.models), atol=2e-3)


def test_the_client_checks_liveness_and_readiness(shared_server: Server) -> None:
    assert _call(lambda client: client.is_server_live(shared_server.url)) is True
    assert _call(lambda client: client.is_server_ready(shared_server.url)) is True
    assert _call(lambda client: client.is_model_ready(shared_server.url, "iris")) is True
    assert _call(lambda client: client.is_model_ready(shared_server.url, "rose")) is False


def test_the_client_receives_error_messages(shared_server: Server) -> None:
    request = _request(True, ROWS[:, :3])
    with pytest.raises(httpx.HTTPStatusError, match=r"Expected \[-1,4\], got \[2,3\], '400 Bad Request'"):
        _call(lambda client: client.infer(shared_server.url, request, model_name="iris"))
    with pytest.raises(httpx.HTTPStatusError, match="Request for unknown model: 'rose' is not found, '404 Not Found'"):
        _call(lambda client: client.infer(shared_server.url, request, model_name="rose"))


def test_a_model_that_fails_to_load_is_not_ready(iris: Path) -> None:
    (iris / "iris/1/model.npz").unlink()
    with Server(iris) as server:
        server.wait_for(lambda: requests.get(f"{server.url}/livez", timeout=5).ok)
        assert _call(lambda client: client.is_server_live(server.url)) is True
        assert _call(lambda client: client.is_model_ready(server.url, "iris")) is False
        with pytest.raises(httpx.HTTPStatusError, match=r"not ready: .*No such file"):
            _call(lambda client: client.is_server_ready(server.url))
