"""The event-loop server calls the app as PEP 3333 specifies, and turns exceptions into a 500."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from service.prediction.messages import Response
from service.server.request_head import HeaderFields, RequestHead
from service.server.wsgi import WSGIBridge, call_app, make_environ
from tests.helpers.wire import JSON

ADDRESS = ("127.0.0.1", 8000)


def _head(**fields: str) -> RequestHead:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in fields.items()]
    return RequestHead("POST", "/a/ü", "b=%20", HeaderFields(raw), keep_alive=True)


def test_the_environment_of_a_request() -> None:
    fields = {"host": "here", "content_type": JSON, "content_length": "9", "transfer_encoding": "chunked", "x_y": "z"}
    environ = make_environ(_head(**fields), b"body", ADDRESS, ("10.0.0.1", 5))
    assert environ.pop("wsgi.input").read() == b"body"
    variables = {name: value for name, value in environ.items() if not name.startswith("wsgi.")}
    assert variables == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a/Ã¼",
        "QUERY_STRING": "b=%20",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "REMOTE_ADDR": "10.0.0.1",
        "HTTP_HOST": "here",
        "HTTP_X_Y": "z",
        "CONTENT_TYPE": JSON,
        "CONTENT_LENGTH": "4",
    }


def test_a_request_on_a_unix_socket_without_a_body() -> None:
    environ = make_environ(_head(), b"", "/run/socket", "")
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"], environ["REMOTE_ADDR"]) == ("localhost", "", "")
    assert "CONTENT_LENGTH" not in environ


def _broken(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    raise RuntimeError("beyond Flask")


def _broken_later(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    yield b"half"
    raise RuntimeError("beyond Flask")


@pytest.mark.parametrize("app", [_broken, _broken_later])
def test_an_error_outside_flask_is_a_500(app: Any, caplog: pytest.LogCaptureFixture) -> None:
    answer = call_app(app, {})
    assert (answer.status, json.loads(answer.body)) == (500, {"error": "internal error"})
    assert "the WSGI application raised an error" in caplog.text


def test_the_response_iterable_is_closed() -> None:
    closed = []

    class Parts(list[bytes]):
        def close(self) -> None:
            closed.append(True)

    def app(environ: dict[str, Any], start_response: Any) -> Parts:
        start_response("201 Created", [("A", "b")])
        return Parts([b"one", b"two"])

    assert call_app(app, {}) == Response(201, {"A": "b"}, b"onetwo")
    assert closed == [True]


def test_responses_return_to_the_event_loop() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode("latin1")]

    async def run() -> Response:
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        transport: Any = asyncio.Transport({"sockname": ADDRESS, "peername": ADDRESS})
        WSGIBridge(app, loop).submit(_head(), b"", transport, answer.set_result)
        received: Response = await answer
        return received

    assert asyncio.run(run()).body.decode() == "/a/ü"
