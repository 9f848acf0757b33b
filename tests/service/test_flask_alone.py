"""The Flask app under another WSGI server: an unreadable body is a 400, whichever exception that server raises."""

import json
import socket
import struct
from collections.abc import Iterator

import numpy as np
import pytest
import requests

from store import publish
from tests.helpers.models import ROW, make_artifact
from tests.helpers.server import Server
from tests.helpers.wire import JSON, Wire, http_request

PATHS = ("/models/iris/predict", "/v1/models/iris:predict", "/v2/models/iris/infer", "/v2/repository/index")
BODY = b'{"instances": '
BROKEN = {
    "chunk size not a number": b"zz\r\n" + BODY,
    "negative chunk size": b"-5\r\n" + BODY,
    "missing end of a chunk": b"e\r\n" + BODY + b"e\r\n",
    **{
        f"{name} after the body": b"2\r\n{}\r\n0\r\n%s: 1\r\n\r\n" % name.encode()
        for name in ("Host", "Content-Length", "Transfer-Encoding")
    },
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The Flask app in gunicorn's threaded worker, which must log nothing."""
    folder = tmp_path_factory.mktemp("alone")
    publish(folder, "iris", make_artifact(np.random.default_rng(0)), {"test": {"accuracy": 0.9, "rows": 100}}, {})
    with Server(folder, workers=1, worker_class="gthread") as server:
        server.wait_until_ready()
        yield server
        _, log = server.stop()
        assert log == ""


def _head(path: str) -> bytes:
    return http_request("POST", path, None, Transfer_Encoding="chunked", Content_Type=JSON)


def _answers(server: Server) -> bool:
    answer = requests.post(f"{server.url}/predict", json={"instances": [ROW]}, timeout=5)
    return answer.status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", BROKEN.values(), ids=[*BROKEN])
def test_malformed_chunks_are_a_400(body: bytes, path: str, alone: Server) -> None:
    with Wire(alone.port) as wire:
        answer = wire.send(_head(path) + body).read_response()
        assert answer is not None
        assert (answer.status, answer.headers["content-type"]) == (400, JSON)
        assert "its chunked encoding is malformed" in json.loads(answer.body)["error"]
        # The start of the next request is unknown, so the connection is closed.
        assert wire.read_response() is None
    assert _answers(alone)


@pytest.mark.parametrize("path", PATHS)
def test_a_client_that_disconnects_within_a_body_is_a_400(path: str, alone: Server) -> None:
    with Wire(alone.port) as wire:
        wire.send(_head(path) + b"e\r\n" + BODY).shutdown_write()
        answer = wire.read_response()
    assert answer is not None
    assert (answer.status, "the body is incomplete" in json.loads(answer.body)["error"]) == (400, True)
    with socket.create_connection(("127.0.0.1", alone.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # reset on close
        connection.sendall(_head(path) + b"e\r\n" + BODY)
    assert _answers(alone)
