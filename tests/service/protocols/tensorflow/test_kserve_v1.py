"""KServe's client works with a running server over the V1 protocol."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import requests

from store import read_version
from tests.helpers.kserve import call_client
from tests.helpers.models import ROW
from tests.helpers.server import Server

httpx = pytest.importorskip("httpx")


_call = partial(call_client, "v1")


def test_the_client_predicts(shared_server: Server) -> None:
    response = _call(lambda client: client.infer(shared_server.url, {"instances": [ROW]}, model_name="iris"))
    expected = read_version(shared_server.models, "iris", 1).artifact.model.predict(np.array([ROW], np.float32))
    np.testing.assert_allclose(response["predictions"], expected, atol=1e-6)


def test_the_client_checks_liveness_and_readiness(shared_server: Server) -> None:
    assert _call(lambda client: client.is_server_live(shared_server.url)) is True
    assert _call(lambda client: client.is_model_ready(shared_server.url, "iris")) is True


def test_the_client_receives_error_messages(shared_server: Server) -> None:
    with pytest.raises(httpx.HTTPStatusError, match="Could not find any versions of model rose, '404 Not Found'"):
        _call(lambda client: client.is_model_ready(shared_server.url, "rose"))
    with pytest.raises(httpx.HTTPStatusError, match="/instances/0: expected 4 values, got 1 value, '400 Bad Request'"):
        _call(lambda client: client.infer(shared_server.url, {"instances": [[1]]}, model_name="iris"))


def test_a_model_that_fails_to_load_is_not_ready(iris: Path) -> None:
    (iris / "iris/1/model.npz").unlink()
    with Server(iris) as server:
        server.wait_for(lambda: requests.get(f"{server.url}/livez", timeout=5).ok)
        assert _call(lambda client: client.is_server_live(server.url)) is True
        assert _call(lambda client: client.is_model_ready(server.url, "iris")) is False
