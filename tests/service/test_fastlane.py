"""The fast lane's own: what the parser refuses, what a deadline cuts, and connections that misbehave."""

import io
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import requests

from nn import Artifact, Dense, Golden, Network
from store import publish
from tests.models import make_artifact
from tests.service.server import Server, total
from tests.service.test_app import JSON, ROW
from tests.service.wire import Received, Wire, chunked, message

BODY = json.dumps({"instances": [ROW]}).encode()
GOOD = message("POST", "/predict", BODY, Content_Type=JSON)
SECONDS = 1


WIDTHS = {"iris": (4, 8, 3), "large": (4, 2200, 2200, 3)}


def _artifact(name: str) -> Artifact:
    """The same at every call, with sums of about 1, as training leaves them."""
    drawn = make_artifact(np.random.default_rng(0), WIDTHS[name])
    layers = [
        Dense(layer.kernel / len(layer.kernel) ** 0.5, layer.bias, layer.activation)
        for layer in drawn.model.network.layers
    ]
    model = replace(drawn.model, network=Network(layers))
    return Artifact(model, Golden.measure(model, drawn.golden.rows))


@pytest.fixture(scope="module")
def lane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("lane")
    for name in WIDTHS:
        publish(folder / "models", name, _artifact(name), {}, {})
    limits = {
        "NPSERVE_DEFAULT_MODEL": "iris",
        "NPSERVE_HEADER_SECONDS": str(SECONDS),
        "NPSERVE_BODY_SECONDS": str(SECONDS),
    }
    with Server(folder / "models", folder / "metrics", workers=1, **limits) as server:
        server.wait_until_ready()
        yield server


def _check_error(answer: Received | None, status: int, message: str) -> None:
    assert answer is not None
    assert answer.status == status, answer
    assert answer.headers["content-type"] == JSON
    assert answer.headers["connection"].lower() == "close"
    assert len(answer.headers["x-request-id"]) == 32
    assert message in json.loads(answer.body)["error"]


HEAD = b"POST /predict HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "message"),
    [
        (b"hello\r\n\r\n", 400, "not HTTP/1.1"),
        (b"GET / HTTP/9.9\r\n\r\n", 400, "not HTTP/1.1"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "not HTTP/1.1"),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400, "not HTTP/1.1"),
        (HEAD + b"Content-Length: ten\r\n\r\n", 400, "not HTTP/1.1"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "not HTTP/1.1"),
        (HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400, "not HTTP/1.1"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400, "not HTTP/1.1"),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, ""),
        (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400, ""),
        (HEAD + b"Host: y\r\n\r\n", 400, "two Host headers"),
        (HEAD + b"A b: c\r\n\r\n", 400, "not HTTP/1.1"),
        (b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "longer than 4094"),
        (HEAD + b"X: " + b"a" * 9000 + b"\r\n\r\n", 431, "a header is longer than 8190"),
        (HEAD + b"".join(b"X%d: a\r\n" % i for i in range(101)) + b"\r\n", 431, "more than 100 headers"),
        (HEAD + b"X: " + b"a" * 10**6, 431, "the headers are larger than 65536"),
    ],
)
def test_what_is_no_request(sent: bytes, status: int, message: str, lane: Server) -> None:
    before = total(lane.scrape(), "npserve_http_requests_total", code=str(status), route="unmatched")
    with Wire(lane.port) as wire:
        _check_error(wire.send(sent).answer(), status, message)
        assert wire.answer() is None
    assert total(lane.scrape(), "npserve_http_requests_total", code=str(status), route="unmatched") == before + 1
    assert requests.post(f"{lane.url}/predict", data=BODY, timeout=5).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/nowhere"])
@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"", "the headers did not come within 1 seconds"),
        (b"POST PATH HT", "the headers did not come"),
        (b"POST PATH HTTP/1.1\r\nHost: x\r\nX: y", "the headers did not come"),
        (b"POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n", "the body did not come"),
        (b'POST PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"inst', "the body did not come"),
        (b"POST PATH HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", "the body did not come"),
    ],
)
def test_who_dawdles_is_cut(path: str, sent: bytes, message: str, lane: Server) -> None:
    began = time.monotonic()
    with Wire(lane.port) as wire:
        answer = wire.send(sent.replace(b"PATH", path.encode())).answer()
        if path == "/nowhere" and "body" in message and answer is not None and answer.status == 404:
            answer = None  # the app had no need of the body
        else:
            _check_error(answer, 408, message)
        assert wire.answer() is None
    assert time.monotonic() - began < SECONDS + 2


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_trickle_is_not_enough(part: str, lane: Server) -> None:
    sent = GOOD if part == "head" else GOOD[-len(BODY) :]
    with Wire(lane.port) as wire:
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


def test_an_idle_connection_that_was_used_stays(lane: Server) -> None:
    with Wire(lane.port) as wire:
        for pause in (0, SECONDS + 0.5, 0):
            time.sleep(pause)
            answer = wire.send(GOOD).answer()
            assert answer is not None
            assert answer.status == 200


def test_pipelined_requests_are_answered_in_their_order(lane: Server) -> None:
    sent = [
        GOOD,
        message("GET", "/livez"),
        GOOD,
        message("POST", "/predict", b"hello", Content_Type=JSON),
        chunked("POST", "/predict", BODY, Content_Type=JSON),
        message("GET", "/nowhere"),
        message("POST", "/models/iris/predict", BODY, Content_Type=JSON),
    ]
    expected = [200, 200, 200, 400, 200, 404, 200]
    for cut in (None, 10, 700):
        whole = b"".join(sent) * 5
        with Wire(lane.port) as wire:
            for start in range(0, len(whole), cut or len(whole)):
                wire.send(whole[start : start + (cut or len(whole))])
            answers = [wire.answer() for _ in expected * 5]
        assert [answer.status if answer else None for answer in answers] == expected * 5
        kinds = [sorted(json.loads(answer.body)) for answer in answers if answer]
        assert kinds[:4] == [["model", "predictions", "probabilities", "version"], ["status"], kinds[0], ["error"]]


def test_what_is_refused_behind_a_request_does_not_answer_for_it(lane: Server) -> None:
    with Wire(lane.port) as wire:
        answer = wire.send(message("GET", "/models") + b"hello\r\n\r\n").answer()
        assert answer is not None
        assert answer.status == 200
        later = wire.answer()
        assert later is None or later.status == 400


@pytest.mark.parametrize("size", [4 * 2**20 + 1, 9 * 2**20])
@pytest.mark.parametrize("how", [message, chunked])
def test_a_body_that_is_too_large_is_answered_and_the_connection_closed(how: object, size: int, lane: Server) -> None:
    assert callable(how)
    options = {"size": 2**16} if how is chunked else {}
    with Wire(lane.port) as wire:
        _check_error(wire.send(how("POST", "/predict", b" " * size, **options)).answer(), 413, "larger than 4194304")
        assert wire.answer() is None


def test_a_client_that_leaves_is_forgotten(lane: Server) -> None:
    for sent in (GOOD[:-5], GOOD, GOOD * 20):
        for _ in range(20):
            with Wire(lane.port) as wire:
                wire.send(sent)
    lane.wait_for(lambda: total(lane.scrape(), "npserve_requests_in_flight") == 0)
    assert requests.post(f"{lane.url}/predict", data=BODY, timeout=5).status_code == 200


def test_who_takes_no_answers_is_cut(lane: Server) -> None:
    many = message("POST", "/predict", json.dumps({"instances": [[1, 2, 3, 4]] * 1000}).encode(), Content_Type=JSON)
    with socket.create_connection(("127.0.0.1", lane.port), 10) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(3)
        with pytest.raises((TimeoutError, ConnectionError)):  # the server reads no more, and then hangs up
            connection.sendall(many * 10_000)
        assert requests.post(f"{lane.url}/predict", data=BODY, timeout=5).status_code == 200
        time.sleep(2 * SECONDS)
        with pytest.raises(ConnectionError):
            connection.sendall(many * 10_000)
    assert requests.post(f"{lane.url}/predict", data=BODY, timeout=5).status_code == 200


def test_dawdlers_keep_nobody_waiting_and_all_are_closed(lane: Server) -> None:
    """500 half-sent heads, 500 half-sent bodies and 500 silent connections beside people who are in earnest."""
    dawdlers = [
        socket.create_connection(("127.0.0.1", lane.port), 10) for _ in range(1500)
    ]  # opened before the clock starts: the deadline is a second
    for number, dawdler in enumerate(dawdlers):
        dawdler.sendall((GOOD[:30], GOOD[:-5], b"")[number % 3])
    slowest, answered = 0.0, 0
    with requests.Session() as session:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            began = time.monotonic()
            assert session.post(f"{lane.url}/predict", data=BODY, timeout=5).status_code == 200
            slowest, answered = max(slowest, time.monotonic() - began), answered + 1
    assert answered > 20
    time.sleep(SECONDS + 1)
    for dawdler in dawdlers:
        dawdler.settimeout(5)
        received = b"".join(iter(lambda: dawdler.recv(4096), b""))  # noqa: B023  # used at once
        assert received == b"" or received.startswith(b"HTTP/1.1 408")
        dawdler.close()


def test_many_clients_get_their_own_answers(lane: Server) -> None:
    wrong = []

    def ask(number: int) -> None:
        with requests.Session() as session:
            for step in range(30):
                rows = [[number, step, row, 1.0] for row in range(1 + (number + step) % 5)]
                alone = requests.post(f"{lane.url}/predict", json={"instances": rows[-1:]}, timeout=10).json()
                answer = session.post(f"{lane.url}/predict", json={"instances": rows}, timeout=10).json()
                differs = zip(answer["probabilities"][-1], alone["probabilities"][0], strict=True)
                if len(answer["predictions"]) != len(rows) or any(abs(a - b) > 1e-5 for a, b in differs):
                    wrong.append((number, step))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def _array(rows: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, rows)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["iris", "large"])
def test_many_binary_rows_beside_single_ones(name: str, lane: Server, rng: np.random.Generator) -> None:
    model = _artifact(name).model
    count = 20_000 if name == "iris" else 200
    many = rng.normal(size=(count, 4)).astype(np.float32)
    expected = model.predict(many)
    url, wrong = f"{lane.url}/models/{name}/predict", []
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
            fields = {"Content-Type": "application/x-npy"}
            answer = requests.post(url, data=_array(many), headers=fields, timeout=20)
            assert answer.status_code == 200
            np.testing.assert_allclose(np.load(io.BytesIO(answer.content)), expected, atol=1e-5)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert wrong == []


def test_the_app_reads_a_chunked_body(lane: Server, tmp_path: Path) -> None:
    with Wire(lane.port) as wire:
        answer = wire.send(chunked("POST", "/models//predict", BODY)).answer()
        assert answer is not None
        assert answer.status == 404
        answer = wire.send(GOOD).answer()
        assert answer is not None
        assert answer.status == 200
