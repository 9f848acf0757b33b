"""Connections of the event-loop server: parse errors, timeouts, pipelining and misbehaving clients."""

import io
import json
import re
import resource
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import requests

from nn import Artifact, Dense, Golden, Network
from service.prediction.messages import LARGE_BODY
from service.server.exchanges import MAX_PIPELINED, MAX_SKIPPED
from store import publish
from tests.helpers.models import ROW, make_artifact
from tests.helpers.npy import NPY, write_npy
from tests.helpers.server import Server, total
from tests.helpers.wire import JSON, Wire, WireResponse, chunked_request, http_request

BODY = json.dumps({"instances": [ROW]}).encode()
GOOD = http_request("POST", "/predict", BODY, Content_Type=JSON)
SECONDS = 1


WIDTHS = {"iris": (4, 8, 3), "large": (4, 2200, 2200, 3)}


def _artifact(name: str) -> Artifact:
    """The same artifact at every call, with sums of about 1, as after training."""
    drawn = make_artifact(np.random.default_rng(0), WIDTHS[name])
    layers = [
        Dense(layer.kernel / len(layer.kernel) ** 0.5, layer.bias, layer.activation)
        for layer in drawn.model.network.layers
    ]
    model = replace(drawn.model, network=Network(layers))
    return Artifact(model, Golden.measure(model, drawn.golden.rows))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    for name in WIDTHS:
        publish(folder / "models", name, _artifact(name), {}, {})
    limits = {
        "NPSERVE_DEFAULT_MODEL": "iris",
        "NPSERVE_HEADER_SECONDS": str(SECONDS),
        "NPSERVE_BODY_SECONDS": str(SECONDS),
        "NPSERVE_MAX_QUEUE_SECONDS": "60",  # other processes may use the cores
    }
    with Server(folder / "models", workers=1, **limits) as server:
        server.wait_until_ready()
        yield server


def _check_error(answer: WireResponse | None, status: int, message: str, *, closes: bool = True) -> None:
    assert answer is not None
    assert answer.status == status, answer
    assert answer.headers["content-type"] == JSON
    assert answer.headers.get("connection", "").lower() == ("close" if closes else "")
    assert len(answer.headers["x-request-id"]) == 32
    assert message in json.loads(answer.body)["error"]


HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (b"hello\r\n\r\n", 400, "not valid HTTP/1.1"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "not valid HTTP/1.1"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "not valid HTTP/1.1"),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400, "not valid HTTP/1.1"),
        (HEAD + b"Content-Length: ten\r\n\r\n", 400, "not valid HTTP/1.1"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "not valid HTTP/1.1"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, "not valid HTTP/1.1"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, "not valid HTTP/1.1"),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""),
        (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, ""),
        (HEAD + b"Host: y\r\n\r\n", 400, "several Host headers: send one"),
        (HEAD + b"A b: c\r\n\r\n", 400, "not valid HTTP/1.1"),
        (HEAD + b"Host: y\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 400, "several Host headers: send one"),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "longer than 4094"),
        (HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431, "a header is longer than 8190"),
        (HEAD + b"".join(b"X%d: a\r\n" % i for i in range(101)) + b"\r\n", 431, "more than 100 headers"),
        (HEAD + b"X: " + b"a" * 10**6, 431, "the headers are larger than 65536"),
    ],
)
def test_invalid_requests_are_rejected(sent: bytes, status: int, message: str, server: Server) -> None:
    before = total(server.scrape(), "npserve_http_requests_total", code=str(status))
    with Wire(server.port) as wire:
        _check_error(wire.send(sent).read_response(), status, message)
        assert wire.read_response() is None
    assert total(server.scrape(), "npserve_http_requests_total", code=str(status)) == before + 1
    assert requests.post(f"{server.url}/predict", data=BODY, timeout=5).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/nowhere"])
@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "the headers did not arrive within 1 seconds"),
        (b"POST PATH HT", "the headers did not arrive"),
        (b"POST PATH HTTP/1.1\r\nHost: x\r\nX: y", "the headers did not arrive"),
        (b"POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", "the body did not arrive"),
        (b'POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"inst', "the body did not arrive"),
        (b"POST PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "the body did not arrive"),
    ],
)
def test_slow_requests_time_out(path: str, sent: bytes, message: str, server: Server) -> None:
    began = time.monotonic()
    with Wire(server.port) as wire:
        answer = wire.send(sent.replace(b"PATH", path.encode())).read_response()
        if path == "/nowhere" and "body" in message and answer is not None and answer.status == 404:
            answer = None  # the app did not need the body
        else:
            _check_error(answer, 408, message)
        assert wire.read_response() is None
    assert time.monotonic() - began < SECONDS + 2


def test_the_error_response_to_a_head_request_has_no_body(server: Server) -> None:
    with Wire(server.port) as wire:
        answer = wire.send(http_request("HEAD", "/livez", b"12345")[:-1]).read_response("HEAD")
        assert answer is not None
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert int(answer.headers["content-length"]) > 0
        assert wire.read_response("HEAD") is None


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_trickle_of_bytes_does_not_extend_the_timeout(part: str, server: Server) -> None:
    sent = GOOD if part == "head" else GOOD[-len(BODY) :]
    with Wire(server.port) as wire:
        if part == "body":
            wire.send(GOOD[: -len(BODY)])
        began = time.monotonic()
        try:
            for byte in sent:
                wire.send(bytes([byte]))
                time.sleep(0.1)
        except OSError:
            pass
        assert SECONDS - 0.2 < time.monotonic() - began < SECONDS + 2


def test_an_idle_keep_alive_connection_stays_open(server: Server) -> None:
    with Wire(server.port) as wire:
        for pause in (0, SECONDS + 0.5, 0):
            time.sleep(pause)
            answer = wire.send(GOOD).read_response()
            assert answer is not None
            assert answer.status == 200


def test_pipelined_responses_are_in_request_order(server: Server) -> None:
    sent = [
        GOOD,
        http_request("GET", "/livez"),
        GOOD,
        http_request("POST", "/predict", b"hello", Content_Type=JSON),
        chunked_request("POST", "/predict", BODY, Content_Type=JSON),
        http_request("GET", "/nowhere"),
        http_request("POST", "/models/iris/predict", BODY, Content_Type=JSON),
    ]
    expected = [200, 200, 200, 400, 200, 404, 200]
    for cut in (None, 10, 700):
        whole = b"".join(sent) * 5
        with Wire(server.port) as wire:
            for start in range(0, len(whole), cut or len(whole)):
                wire.send(whole[start : start + (cut or len(whole))])
            answers = [wire.read_response() for _ in expected * 5]
        assert [answer.status if answer else None for answer in answers] == expected * 5
        kinds = [sorted(json.loads(answer.body)) for answer in answers if answer]
        assert kinds[:4] == [["model", "predictions", "probabilities", "version"], ["status"], kinds[0], ["error"]]


@pytest.mark.parametrize("refused", [b"hello\r\n\r\n", HEAD + b"Host: y\r\n\r\n"])
def test_a_rejection_is_sent_after_the_responses_to_earlier_requests(refused: bytes, server: Server) -> None:
    sent = (
        GOOD
        + http_request("POST", "/predict", b"hello", Content_Type=JSON)
        + http_request("GET", "/models")
        + refused
        + GOOD
    )
    with Wire(server.port) as wire:
        wire.send(sent)
        assert [answer and answer.status for answer in (wire.read_response() for _ in range(5))] == [
            200,
            400,
            200,
            400,
            None,
        ]


def test_data_after_a_body_that_is_too_large_is_ignored(server: Server) -> None:
    large = http_request("POST", "/predict", b" " * 5_000_000, Content_Type=JSON)
    for rest in (b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", b"garbage\r\n\r\n", GOOD):
        with Wire(server.port) as wire:
            wire.send(large + rest)
            answers = wire.read_response(), wire.read_response()
        assert [answer and answer.status for answer in answers] == [413, None]


def test_the_number_of_pipelined_requests_is_limited(server: Server) -> None:
    with Wire(server.port) as wire:
        wire.send(http_request("GET", "/livez") * 2000)
        answers = [wire.read_response() for _ in range(MAX_PIPELINED)]
        assert {answer and answer.status for answer in answers} == {200}
        _check_error(wire.read_response(), 429, "more than 100 requests are pending: wait for the responses")
        assert wire.read_response() is None


OFFER = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2_Settings": "AAMAAABkAAQCAAAAAAIAAAAA"}


@pytest.mark.parametrize("cut", [0, 20, len(BODY)])
@pytest.mark.parametrize("upgrade", ["h2c", "websocket", "TLS/1.3"])
def test_an_upgrade_to_another_protocol_is_ignored(upgrade: str, cut: int, server: Server) -> None:
    offered = http_request("POST", "/predict", BODY, Content_Type=JSON, Connection="Upgrade", Upgrade=upgrade)
    sent = offered + http_request("GET", "/livez", None, **OFFER)
    sent += chunked_request("POST", "/predict", BODY, 7, Content_Type=JSON, **OFFER)
    with Wire(server.port) as wire:
        wire.send(sent[: len(offered) - cut])
        time.sleep(0.1)
        wire.send(sent[len(offered) - cut :] + GOOD)
        assert [answer and answer.status for answer in (wire.read_response() for _ in range(4))] == [200] * 4


def test_a_body_is_never_parsed_as_a_request(server: Server) -> None:
    smuggled = http_request("GET", "/livez")
    with Wire(server.port) as wire:
        wire.send(http_request("POST", "/predict", smuggled, Content_Type=JSON, **OFFER)[: -len(smuggled)])
        time.sleep(0.1)
        answer = wire.send(smuggled + GOOD).read_response()
        assert answer is not None
        assert (answer.status, json.loads(answer.body)["error"][:20]) == (400, "the body is not JSON")
        answer = wire.read_response()
        assert answer is not None
        assert "predictions" in json.loads(answer.body)


def test_connect_and_other_http_versions_are_rejected(server: Server) -> None:
    with Wire(server.port) as wire:
        _check_error(
            wire.send(b"CONNECT example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n").read_response(), 405, "not a proxy"
        )
    with Wire(server.port) as wire:
        _check_error(wire.send(b"GET /livez HTTP/2.0\r\nHost: x\r\n\r\n").read_response(), 505, "use HTTP/1.1")


def test_trailers_are_ignored(server: Server) -> None:
    sent = chunked_request("POST", "/predict", BODY, Content_Type=JSON, X_Request_ID="mine")
    trailed = sent[:-2] + b"Content-Type: text/plain\r\nContent-Encoding: gzip\r\nX-Request-ID: theirs\r\n\r\n"
    with Wire(server.port) as wire:
        for answer in [wire.send(GOOD + trailed * 2).read_response() for _ in range(3)][1:]:
            assert answer is not None
            assert (answer.status, answer.headers["x-request-id"]) == (200, "mine")


@pytest.mark.parametrize("endless", [b"0\r\nX: ", b"1;a="])
def test_endless_trailers_and_chunk_extensions_are_rejected(endless: bytes, server: Server) -> None:
    with Wire(server.port) as wire:
        wire.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n" + endless)
        with suppress(OSError):
            for _ in range(20):
                wire.send(b"a" * 2**14)
                time.sleep(0.01)
        _check_error(wire.read_response(), 431, "larger than 65536 bytes")


def test_a_half_closed_connection_gets_its_responses(server: Server) -> None:
    large = http_request("POST", "/models/large/predict", BODY, Content_Type=JSON)
    for sent, statuses in ((GOOD, [200]), (large + http_request("GET", "/livez") + GOOD[:-5], [200, 200]), (b"", [])):
        with Wire(server.port) as wire:
            wire.send(sent).shutdown_write()
            for status in statuses:
                answer = wire.read_response()
                assert answer is not None
                assert answer.status == status
            assert wire.read_response() is None


def test_half_closed_connections_that_would_wait_are_closed(server: Server) -> None:
    """The first ones are served; those behind their passes may have hung up, and are neither computed nor answered."""
    large = http_request(
        "POST", "/models/large/predict", json.dumps({"instances": [ROW] * 30}).encode(), Content_Type=JSON
    )
    with ExitStack() as stack:
        wires = [stack.enter_context(Wire(server.port)).send(large) for _ in range(20)]
        for wire in wires:
            wire.shutdown_write()
        responses = [wire.read_response() for wire in wires]
    assert {response.status for response in responses if response} <= {200, 503}  # the queue is limited
    assert None in responses
    assert requests.post(f"{server.url}/predict", data=BODY, timeout=5).status_code == 200


def test_slow_bodies_for_the_app_do_not_block_others(server: Server) -> None:
    """A blocked request takes at least a second in both attempts; on a busy machine, any may take as long in one."""
    half = http_request("POST", "/v2/repository/index", b"{" + b" " * 99)[:-99]
    for _ in range(2):
        slow_clients = [Wire(server.port).send(half) for _ in range(20)]
        began = time.monotonic()
        for page in ("/livez", "/readyz", "/metrics"):
            assert requests.get(server.url + page, timeout=5).status_code == 200
        took = time.monotonic() - began
        for client in slow_clients:
            with client:
                _check_error(client.read_response(), 408, "the body did not arrive")
        if took < SECONDS:
            break
    assert took < SECONDS


def test_each_request_has_its_own_header_timeout(server: Server) -> None:
    stream = GOOD * 8
    step = len(GOOD) // 3
    with Wire(server.port) as wire:
        for start in range(0, len(stream), step):
            wire.send(stream[start : start + step])
            time.sleep(SECONDS / 8)
        assert {answer and answer.status for answer in (wire.read_response() for _ in range(8))} == {200}


def test_100_continue_is_sent_to_http_1_1_clients_only(server: Server) -> None:
    for version, expected in (("1.1", b"HTTP/1.1 100 Continue"), ("1.0", b"HTTP/1.1 200 OK")):
        sent = http_request("POST", "/predict", BODY, Content_Type=JSON, Expect="100-continue")
        with socket.create_connection(("127.0.0.1", server.port), 10) as connection:
            connection.sendall(sent[: -len(BODY)].replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
            time.sleep(0.1)
            connection.sendall(BODY)
            assert connection.recv(100).startswith(expected)


def test_headers_with_underscores_are_ignored(server: Server) -> None:
    for path in (b"/predict", b"/livez"):
        sent = GOOD.replace(b"/predict", path).replace(b"Host: x", b"Host: x\r\nX_Request_ID: mine")
        with Wire(server.port) as wire:
            answer = wire.send(sent).read_response()
            assert answer is not None
            assert len(answer.headers["x-request-id"]) == 32


def test_unused_bodies_do_not_accumulate(server: Server) -> None:
    with Wire(server.port) as wire:
        for _ in range(480):
            answer = wire.send(http_request("POST", "/nowhere", b" " * LARGE_BODY)).read_response()
            assert answer is not None
            assert answer.status == 404


@pytest.mark.parametrize("sent", [b"POST /nowhere", b"GET /livez", b"PUT /predict", b"POST /docs"])
@pytest.mark.parametrize("length", [LARGE_BODY + 1, 4 * 2**20])
def test_a_large_body_that_is_not_a_prediction_is_a_413_before_the_body(
    sent: bytes, length: int, server: Server
) -> None:
    route = {"route": "/livez" if sent == b"GET /livez" else "unmatched", "code": "413"}
    before = total(server.scrape(), "npserve_http_requests_total", **route)
    with Wire(server.port) as wire:
        wire.send(sent + b" HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % length)
        message = "larger than 65536 bytes, which only predictions accept: check the method"
        _check_error(wire.read_response(), 413, message, closes=length > MAX_SKIPPED)
    assert total(server.scrape(), "npserve_http_requests_total", **route) == before + 1


def test_a_connection_goes_on_after_a_refused_body_that_is_skipped(server: Server) -> None:
    """The response does not wait for the body, which may contain anything."""
    body = GOOD * (MAX_SKIPPED // len(GOOD))
    head, _, _ = http_request("POST", "/nowhere", body).partition(b"\r\n\r\n")
    with Wire(server.port) as wire:
        _check_error(wire.send(head + b"\r\n\r\n").read_response(), 413, "check the method", closes=False)
        wire.send(body[:-1])
        time.sleep(0.1)
        for sent in (body[-1:] + GOOD, GOOD):
            answer = wire.send(sent).read_response()
            assert answer is not None
            assert answer.status == 200
    with Wire(server.port) as wire:
        sent = http_request("POST", "/nowhere", body, Connection="close")
        _check_error(wire.send(sent[:1000]).read_response(), 413, "check the method")
        wire.send(sent[1000:] + GOOD)  # the server reads until the client closes
        assert wire.read_response() is None


def test_an_idle_connection_is_closed_after_the_keep_alive_time(models: Path) -> None:
    publish(models, "iris", _artifact("iris"), {}, {})
    with Server(models, workers=1, GUNICORN_CMD_ARGS="--keep-alive 1") as server:
        server.wait_until_ready()
        for more in (b"", b"\r\n"):
            with Wire(server.port) as wire:
                answer = wire.send(GOOD).read_response()
                assert answer is not None
                wire.send(more)
                began = time.monotonic()
                assert wire.read_response() is None
                assert 0.5 < time.monotonic() - began < 4


@pytest.mark.parametrize("size", [4 * 2**20 + 1, 9 * 2**20])
@pytest.mark.parametrize("how", [http_request, chunked_request])
def test_a_body_that_is_too_large_is_a_413_and_closes_the_connection(how: object, size: int, server: Server) -> None:
    assert callable(how)
    options = {"size": 2**16} if how is chunked_request else {}
    with Wire(server.port) as wire:
        _check_error(
            wire.send(how("POST", "/predict", b" " * size, **options)).read_response(), 413, "larger than 4194304"
        )
        assert wire.read_response() is None


def test_requests_of_disconnected_clients_leave_no_trace(server: Server) -> None:
    for sent in (GOOD[:-5], GOOD, GOOD * 20):
        for _ in range(20):
            with Wire(server.port) as wire:
                wire.send(sent)
    server.wait_for(lambda: total(server.scrape(), "npserve_requests_in_flight") == 0)
    assert requests.post(f"{server.url}/predict", data=BODY, timeout=5).status_code == 200


def test_clients_that_disconnect_early_cause_no_errors(models: Path) -> None:
    publish(models, "iris", _artifact("iris"), {}, {})
    with Server(models, workers=1) as server:
        server.wait_until_ready()
        for _ in range(10):
            with Wire(server.port) as wire:
                wire.send(http_request("GET", "/openapi.json") * 50 + GOOD * 20)
        assert requests.post(f"{server.url}/predict", data=BODY, timeout=5).status_code == 200
        _, errors = server.stop()
    assert errors == ""


def test_a_request_begun_after_a_body_that_is_too_large_is_ignored(models: Path) -> None:
    publish(models, "iris", _artifact("iris"), {}, {})
    large, half = http_request("POST", "/predict", b" " * (4 * 2**20 + 1), Content_Type=JSON), GOOD[:-5]
    with Server(models, workers=1) as server:
        server.wait_until_ready()
        with Wire(server.port) as wire:
            wire.send(large[:-1])
            time.sleep(0.3)
            _check_error(wire.send(large[-1:] + half).read_response(), 413, "larger than 4194304")
            wire.shutdown_write()
            assert wire.read_response() is None
        _, errors = server.stop()
    assert errors == ""


MANY = json.dumps({"instances": [[1, 2, 3, 4]] * 10_000}).encode()


@pytest.mark.parametrize(
    "sent",
    [
        http_request("POST", "/predict", MANY, Content_Type=JSON) * 90,
        http_request("POST", "/predict", MANY, Content_Type=JSON) * 20
        + http_request("GET", "/models", Connection="close"),
        http_request("GET", "/openapi.json") * 99,
    ],
    ids=["predictions", "Connection: close", "pages"],
)
def test_a_client_that_does_not_read_is_disconnected(sent: bytes, server: Server) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(3)
        connection.connect(("127.0.0.1", server.port))
        with suppress(TimeoutError, ConnectionError):  # the server stops reading, then aborts
            connection.sendall(sent)
        assert requests.post(f"{server.url}/predict", data=BODY, timeout=5).status_code == 200
        time.sleep(4 * SECONDS)
        received = bytearray()
        with suppress(ConnectionError):
            while part := connection.recv(2**20):
                received += part
    assert 0 < received.count(b"HTTP/1.1 200 OK") < sent.count(b" HTTP/1.1")
    assert requests.post(f"{server.url}/predict", data=BODY, timeout=5).status_code == 200


def test_a_slow_reader_gets_complete_responses(server: Server) -> None:
    """It reads for 4 seconds, four times the limit for a client that reads nothing."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", server.port))
        for _ in range(9):
            connection.sendall(http_request("POST", "/predict", MANY, Content_Type=JSON))
        connection.sendall(http_request("GET", "/livez", Connection="close"))
        received = bytearray()
        while part := connection.recv(2**16):
            received += part
            time.sleep(4 * SECONDS * len(part) / 2**23)
    assert re.findall(rb"HTTP/1.1 (\d+)", received) == [b"200"] * 10
    assert received.endswith(b'{"status":"alive"}')


def test_bodies_of_disconnected_clients_are_freed(server: Server) -> None:
    def mebibytes() -> float:
        (worker,) = server.workers()
        return int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20

    half = http_request("POST", "/predict", b" " * 2**25, Content_Type=NPY)[:-1]
    for _ in range(2):
        with Wire(server.port) as wire:
            wire.send(half)
    before = mebibytes()
    for _ in range(8):
        with Wire(server.port) as wire:
            wire.send(half)
    server.wait_for(lambda: mebibytes() < before + 80)


def test_slow_clients_do_not_block_others_and_time_out(server: Server) -> None:
    """500 incomplete heads, 500 incomplete bodies and 500 silent connections beside a normal client."""
    slow_clients = [
        socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(1500)
    ]  # all open before the measurement, because the timeout is only a second
    for number, client in enumerate(slow_clients):
        client.sendall((GOOD[:30], GOOD[:-5], b"")[number % 3])
    slowest, answered = 0.0, 0
    with requests.Session() as session:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            began = time.monotonic()
            assert session.post(f"{server.url}/predict", data=BODY, timeout=5).status_code == 200
            slowest, answered = max(slowest, time.monotonic() - began), answered + 1
    assert answered > 20
    time.sleep(SECONDS + 1)
    for client in slow_clients:
        client.settimeout(5)
        received = b"".join(iter(lambda: client.recv(4096), b""))  # noqa: B023  # used at once
        assert received == b"" or received.startswith(b"HTTP/1.1 408")
        client.close()


def test_concurrent_clients_get_their_own_responses(server: Server) -> None:
    wrong = []

    def ask(number: int) -> None:
        with requests.Session() as session:
            for step in range(30):
                rows = [[number, step, row, 1.0] for row in range(1 + (number + step) % 5)]
                alone = requests.post(f"{server.url}/predict", json={"instances": rows[-1:]}, timeout=10).json()
                answer = session.post(f"{server.url}/predict", json={"instances": rows}, timeout=10).json()
                differs = zip(answer["probabilities"][-1], alone["probabilities"][0], strict=True)
                if len(answer["predictions"]) != len(rows) or any(abs(a - b) > 1e-5 for a, b in differs):
                    wrong.append((number, step))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("name", ["iris", "large"])
def test_large_binary_requests_beside_single_rows(name: str, server: Server, rng: np.random.Generator) -> None:
    model = _artifact(name).model
    count = 20_000 if name == "iris" else 200
    many = rng.normal(size=(count, 4)).astype(np.float32)
    expected = model.predict(many)
    url, wrong = f"{server.url}/models/{name}/predict", []
    over = threading.Event()

    def ask_for_one(thread: int) -> None:
        with requests.Session() as session:
            number = thread
            while not over.is_set():
                number = (number + 97) % count
                answer = session.post(url, json={"instances": [many[number].tolist()]}, timeout=20).json()
                if np.abs(np.array(answer["probabilities"][0]) - expected[number]).max() > 1e-5:
                    wrong.append(number)

    threads = [threading.Thread(target=ask_for_one, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            fields = {"Content-Type": NPY}
            answer = requests.post(url, data=write_npy(many), headers=fields, timeout=20)
            assert answer.status_code == 200
            np.testing.assert_allclose(np.load(io.BytesIO(answer.content)), expected, atol=1e-5)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_the_app_reads_a_chunked_body(server: Server) -> None:
    with Wire(server.port) as wire:
        answer = wire.send(chunked_request("POST", "/v2/repository/index", b'{"ready": 5}')).read_response()
        assert answer is not None
        assert answer.status == 400
        answer = wire.send(GOOD).read_response()
        assert answer is not None
        assert answer.status == 200


@pytest.mark.parametrize("length", [4 * 2**20 + 1, 2**63, 2**64, 10**30])
@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"])
def test_a_content_length_above_the_limit_is_a_413_before_the_body(expect: bytes, length: int, server: Server) -> None:
    began = time.monotonic()
    with Wire(server.port) as wire:
        wire.send(HEAD + expect + b"Content-Length: %d\r\n\r\n" % length)
        _check_error(wire.read_response(), 413, "the body is larger than")
    assert time.monotonic() - began < SECONDS / 2
