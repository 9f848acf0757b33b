"""The real server: gunicorn with two workers, with real HTTP clients."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import requests

from nn import Artifact
from service.metrics.exposition import combine
from service.metrics.families import HTTP_REQUESTS
from service.server.batching.batcher import COUNT_BATCH
from store import promote, publish, read_version
from tests.helpers.bad_requests import BAD_NATIVE
from tests.helpers.load import LoadGenerator
from tests.helpers.models import ROW, make_artifact, make_constant
from tests.helpers.server import BODY, Server, parse_metrics, total
from tests.helpers.wire import JSON, Wire, http_request
from training.__main__ import main as train

METRICS = {"test": {"accuracy": 0.9, "rows": 100}}


def test_predictions_equal_the_model_and_all_are_counted(server: Server, iris: Path) -> None:
    rng = np.random.default_rng(0)
    batches = [np.round(rng.normal(size=(1 + i % 7, 4)), 3).astype(np.float32) for i in range(200)]
    bodies = [json.dumps({"instances": batch.astype(float).tolist()}) for batch in batches]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: server.post(body=body), bodies))
    model = read_version(iris, "iris", 1).artifact.model
    for batch, answer in zip(batches, answers, strict=True):
        assert answer.status_code == 200
        np.testing.assert_allclose(answer.json()["probabilities"], model.predict(batch), atol=1e-6)
    server.wait_for(lambda: total(server.scrape(), "npserve_request_seconds_count", outcome="ok") >= 200)
    series = server.scrape()
    assert total(series, "npserve_request_seconds_count", model="iris", version="1", outcome="ok") == 200
    assert total(series, "npserve_rows_total", model="iris", version="1") == sum(map(len, batches))
    assert total(series, "npserve_http_requests_total", route="/predict", code="200") == 200
    assert total(series, "npserve_requests_in_flight") == 0
    assert total(series, "npserve_model_info", model="iris", version="1", alias="stable") == 1
    by_process = [_requests_counted_by(server, pid) for pid in server.workers()]
    assert len(by_process) == 2
    assert min(by_process) > 0
    assert sum(by_process) == 200


def _requests_counted_by(server: Server, pid: int) -> float:
    with server.open_memory() as memory:
        images = [image for image in memory.images() if image.process == pid]
    return float(combine(images)[HTTP_REQUESTS.name, "POST", "/predict", "200"][0])


def test_an_invalid_request_does_not_affect_the_next_one(iris: Path) -> None:
    with (
        Server(iris, NPSERVE_MAX_BODY_BYTES="10000", NPSERVE_MAX_ROWS="50") as server,
        requests.Session() as session,
    ):
        server.wait_until_ready()
        for body, status, message in BAD_NATIVE:
            answer = session.post(f"{server.url}/predict", data=body, headers={"Content-Type": JSON}, timeout=10)
            assert (answer.status_code, message in answer.json()["error"]) == (status, True), answer.text
            assert session.post(f"{server.url}/predict", data=BODY, headers={"Content-Type": JSON}).status_code == 200

        def refused() -> float:
            return total(server.scrape(), "npserve_rejected_inputs_total", model="iris")

        server.wait_for(lambda: refused() >= len(BAD_NATIVE))
        assert refused() == len(BAD_NATIVE)


def test_requests_beyond_the_queue_limit_get_a_503(models: Path, rng: np.random.Generator) -> None:
    publish(models, "large", make_artifact(rng, (4, 2200, 2200, 3)), {}, {})
    with Server(models, workers=1, NPSERVE_MAX_QUEUE_SECONDS="0.01") as server, ThreadPoolExecutor(6) as pool:
        server.wait_until_ready()
        rows = json.dumps({"instances": [ROW] * 3000})
        first = pool.submit(server.post, body=rows)
        server.wait_for(lambda: total(server.scrape(), "npserve_requests_in_flight") == 1)
        refused = list(pool.map(lambda _: server.post(body=rows), range(5)))
        assert server.post().status_code == 200  # a short pass does not wait for long ones
        assert first.result().status_code == 200
        assert {response.status_code for response in refused} == {503}
        assert {response.headers["Retry-After"] for response in refused} == {"1"}
        assert {response.json()["error"] for response in refused} == {
            "too many requests wait for this worker: try again later"
        }
        assert total(server.scrape(), "npserve_request_seconds_count", model="large", outcome="shed") == 5
        server.wait_for(lambda: server.post().status_code == 200)


def test_the_error_for_curl_names_the_header_to_send(shared_server: Server) -> None:
    command = ["curl", "-s", "-d", BODY, f"{shared_server.url}/predict"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "send the header Content-Type: application/json" in json.loads(run.stdout)["error"]


@pytest.mark.parametrize("size", [5 * 2**20, 40 * 2**20])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_body_is_a_413(chunked: bool, size: int, shared_server: Server) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(size // 2**16):
            yield b" " * 2**16

    try:
        answer = requests.post(f"{shared_server.url}/predict", data=chunks() if chunked else b" " * size, timeout=20)
    except requests.ConnectionError:
        # The server may close the connection while the client is sending, but must not read all of the body.
        assert size > 5 * 2**20
    else:
        assert answer.status_code == 413
        assert "larger than 4194304 bytes" in answer.json()["error"]
    assert shared_server.post().status_code == 200


@pytest.fixture
def constants(models: Path) -> Path:
    publish(models, "abc", make_constant(0), METRICS, {})
    return models


def test_all_workers_load_a_change_within_two_seconds_and_no_request_fails(constants: Path) -> None:
    with Server(constants) as server:
        server.wait_until_ready()
        with LoadGenerator(server.url) as load:
            time.sleep(0.5)
            changes: list[tuple[Callable[[], object], int]] = [
                (lambda: publish(constants, "abc", make_constant(1), METRICS, {}), 2),
                (lambda: publish(constants, "abc", make_constant(2), METRICS, {}), 3),
                (lambda: promote(constants, "abc", 2), 2),
            ]
            for change, version in changes:
                change()
                changed = time.monotonic()
                time.sleep(3)
                assert load.since(changed + 2) == {version}
            assert server.post("/models/abc/versions/3/predict").json()["predictions"] == ["c"]
        assert load.failures == []
        assert len(load.versions) > 100
        info = {labels for (name, labels) in server.scrape() if name == "npserve_model_info"}
        assert {(dict(labels)["alias"], dict(labels)["version"]) for labels in info} == {
            ("stable", "2"),
            ("previous", "3"),
        }


def _are_replaced(server: Server, workers: list[int]) -> bool:
    """Whether these workers have exited and two others run."""
    living = server.workers()
    return len(living) == 2 and not {*workers} & {*living}


def test_a_killed_worker_is_replaced_and_its_counts_are_kept(constants: Path) -> None:
    with Server(constants) as server:
        server.wait_until_ready()
        counts = []
        with LoadGenerator(server.url) as load:
            for round_ in range(3):
                time.sleep(0.5)
                before = server.workers()
                os.kill(before[0], signal.SIGKILL)
                if round_ == 1:
                    publish(constants, "abc", make_constant(1), METRICS, {})
                    published = time.monotonic()
                server.wait_for(partial(_are_replaced, server, before[:1]), seconds=5)
                counts.append(total(server.scrape(), "npserve_request_seconds_count", outcome="ok"))
            time.sleep(max(0, published + 3 - time.monotonic()))
            assert load.since(published + 2.5) == {2}
        series = server.scrape()
        counts.append(total(series, "npserve_request_seconds_count", outcome="ok"))
        assert counts == sorted(counts)
        # Each killed worker loses its latest counts, and the requests in progress.
        least, most = len(load.versions) - 3 * COUNT_BATCH, len(load.versions) + len(load.failures)
        assert least <= counts[-1] <= most
        assert len(load.failures) <= 3 * 4
        with server.open_memory() as memory:
            assert len(list(memory.images())) == 2
        assert total(series, "npserve_requests_in_flight") == 0


@pytest.mark.parametrize("worker_class", ["", "gthread"])
def test_the_workers_end_after_their_master_and_finish_their_requests(worker_class: str, iris: Path) -> None:
    with Server(iris, worker_class=worker_class) as server:
        server.wait_until_ready()
        workers = server.workers()
        with Wire(server.port) as wire:
            sent = http_request("POST", "/predict", BODY.encode(), Content_Type=JSON)
            wire.send(sent[:-10])
            server.process.kill()
            server.process.wait()
            time.sleep(0.7)
            answer = wire.send(sent[-10:]).read_response()
            assert answer is not None
            assert answer.status == 200
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", server.port))
        _, errors = server.process.communicate(timeout=10)
        assert ("the master has died: stopping" in errors) == (not worker_class)


def test_a_worker_that_starts_without_a_store_does_not_affect_the_others(iris: Path) -> None:
    with Server(iris) as server:
        server.wait_until_ready()
        iris.rename(iris.with_name("elsewhere"))
        killed = server.workers()[0]
        os.kill(killed, signal.SIGKILL)
        server.wait_for(lambda: _are_replaced(server, [killed]))
        assert {server.post().status_code for _ in range(50)} <= {200, 503}
        assert server.process.poll() is None
        iris.with_name("elsewhere").rename(iris)
        server.wait_for(lambda: all(server.post().status_code == 200 for _ in range(30)))


def test_a_graceful_reload_keeps_all_counts(constants: Path) -> None:
    with Server(constants) as server:
        server.wait_until_ready()
        old = server.workers()
        for _ in range(10):
            assert server.post("/models/abc/predict").status_code == 200
        server.process.send_signal(signal.SIGHUP)
        server.wait_for(lambda: _are_replaced(server, old))
        server.wait_for(lambda: total(server.scrape(), "npserve_request_seconds_count", outcome="ok") >= 10)
        assert total(server.scrape(), "npserve_request_seconds_count", outcome="ok") == 10


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_an_upgrade_continues_the_counts_and_serves_on(constants: Path) -> None:
    """gunicorn's upgrade without a pause: SIGUSR2 starts a second master, and SIGTERM ends the first."""
    with Server(constants, workers=1) as server:
        server.wait_until_ready()
        (old,) = server.workers()
        assert [server.post("/models/abc/predict").status_code for _ in range(5)] == [200] * 5
        server.process.send_signal(signal.SIGUSR2)
        server.wait_for(lambda: len(server.workers()) == 2)
        (new,) = {*server.workers()} - {old}
        try:
            server.wait_for(lambda: len(_children(new)) == 1)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(timeout=20)
            assert [server.post("/models/abc/predict").status_code for _ in range(5)] == [200] * 5
            series = parse_metrics(requests.get(f"{server.url}/metrics", timeout=5).text)
            assert total(series, "npserve_rows_total") == 10
        finally:
            os.kill(new, signal.SIGTERM)
            server.process.communicate(timeout=20)


def test_a_client_that_sends_while_the_server_stops_gets_a_response(iris: Path) -> None:
    with Server(iris, workers=1) as server:
        server.wait_until_ready()
        with Wire(server.port) as wire, Wire(server.port) as idle:
            sent = http_request("POST", "/predict", BODY.encode(), Content_Type=JSON)
            for connection in (wire, idle):
                answer = connection.send(sent).read_response()
                assert answer is not None
                assert "connection" not in answer.headers
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.25)
            answer = wire.send(sent).read_response()
            assert answer is not None
            assert (answer.status, answer.headers["connection"]) == (200, "close")
        _, errors = server.process.communicate(timeout=20)
        assert errors == ""


def test_the_last_response_before_a_shutdown_is_counted(iris: Path) -> None:
    with Server(iris, workers=1) as server:
        server.wait_until_ready()
        with Wire(server.port) as wire:
            sent = http_request("POST", "/predict", BODY.encode(), Content_Type=JSON)
            wire.send(sent[:-10])
            time.sleep(0.1)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.35)
            answer = wire.send(sent[-10:]).read_response()
            assert answer is not None
            assert answer.status == 200
            (worker,) = server.workers()
            with server.open_memory() as memory:
                server.process.communicate(timeout=20)
                (image,) = memory.images()
        assert image.process == worker
        assert not image.is_taken
        assert combine([image._replace(is_taken=True)])[HTTP_REQUESTS.name, "POST", "/predict", "200"] == 1


def test_the_server_starts_without_a_store_and_becomes_ready_after_a_publish(models: Path, artifact: Artifact) -> None:
    with Server(models / "later") as server:
        server.wait_for(lambda: requests.get(f"{server.url}/livez", timeout=5).status_code == 200)
        assert requests.get(f"{server.url}/readyz", timeout=5).status_code == 503
        publish(models / "later", "iris", artifact, {}, {})
        server.wait_until_ready()
        server.wait_for(lambda: server.post().status_code == 200)


@pytest.mark.parametrize("worker_class", ["", "gthread"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_each_signal_to_stop_completes_requests_and_leaves_no_files(
    number: signal.Signals, worker_class: str, iris: Path, tmp_path: Path
) -> None:
    (temporary := tmp_path / "temporary").mkdir()
    with Server(iris, workers=1, worker_class=worker_class, TMPDIR=str(temporary)) as server:
        server.wait_until_ready()
        with socket.create_connection(("127.0.0.1", server.port)) as slow:
            head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: {len(BODY)}\r\n\r\n"
            slow.sendall(head.encode() + BODY[:10].encode())
            time.sleep(0.3)
            server.process.send_signal(number)
            time.sleep(0.3)
            slow.sendall(BODY[10:].encode())
            assert slow.recv(1000).startswith(b"HTTP/1.1 200")
            answered = time.monotonic()
        printed, errors = server.process.communicate(timeout=30)
        assert time.monotonic() - answered < 3  # a second, on a machine that is not busy
        assert server.process.returncode == 0
        assert printed.startswith(
            f"Listening on {server.url}\nServing iris 1\nTry it:\n\ncurl {server.url}/models/iris/predict"
        )
        assert printed.count("Serving") == 1
        assert printed.endswith("\nStopped\n")
        assert errors == ""
    assert list(temporary.iterdir()) == []


def test_the_printed_curl_command_works(iris: Path) -> None:
    with Server(iris, workers=1) as server:
        server.wait_until_ready()
        described = requests.get(server.url, timeout=5).json()["curl"]
        line = described.replace("curl ", "curl -s ", 1)
        answer = json.loads(subprocess.run(line, shell=True, capture_output=True, check=True).stdout)
        assert answer["model"] == "iris"
        printed, _ = server.stop()
        assert described in printed


def test_the_curl_command_for_a_unix_socket_works(iris: Path, tmp_path: Path) -> None:
    with Server(iris, workers=1, bind=f"unix:{tmp_path}/s") as server:
        printed = ""
        for line in server.process.stdout or ():
            printed += line
            if line.startswith("curl "):
                break
        answer = subprocess.run(line.replace("curl ", "curl -s ", 1), shell=True, capture_output=True, check=True)
        assert json.loads(answer.stdout)["model"] == "iris"
        server.stop()
    assert printed.startswith(f"Listening on unix:{tmp_path}/s\nServing iris 1\n")


def test_a_default_model_that_is_not_served_is_said_at_the_start(iris: Path) -> None:
    with Server(iris, workers=1, NPSERVE_DEFAULT_MODEL="rose") as server:
        server.wait_until_ready()
        printed, _ = server.stop()
    assert "The default model 'rose' is not served: POST /predict is a 404 until it is\n" in printed


def test_an_empty_store_prints_how_to_train(models: Path) -> None:
    with Server(models, workers=1) as server:
        server.wait_for(lambda: requests.get(f"{server.url}/livez", timeout=5).status_code == 200)
        printed, errors = server.stop()
    assert printed == (
        f"Listening on {server.url}\n"
        "No model is served yet: the store has no published model\n"
        "Train and publish one (the server loads it without a restart):\n\n"
        f"npserve train --data digits --models {models}\n\n"
        "Stopped\n"
    )
    assert errors == ""


def test_a_store_without_a_stable_version_prints_how_to_promote(models: Path) -> None:
    publish(models, "abc", make_constant(0), METRICS, {}, promote=False)
    with Server(models, workers=1) as server:
        server.wait_for(lambda: requests.get(f"{server.url}/livez", timeout=5).status_code == 200)
        printed, _ = server.stop()
    assert printed == (
        f"Listening on {server.url}\n"
        "No model is served yet: abc has no stable version: run npserve promote abc VERSION\n"
        "Stopped\n"
    )


def test_a_closed_stdout_does_not_stop_the_server(iris: Path) -> None:
    with Server(iris) as server:
        assert server.process.stdout is not None
        assert server.process.stdout.readline() == f"Listening on {server.url}\n"
        server.process.stdout.close()
        server.wait_until_ready()
        _, errors = server.stop()
    assert "Traceback" not in errors


def test_a_port_in_use_is_reported_in_one_line(shared_server: Server) -> None:
    address = f"127.0.0.1:{shared_server.port}"
    command = [sys.executable, "-m", "service", "--models", str(shared_server.models), "--bind", address]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert run.returncode == 2
    assert run.stderr.startswith(f"Error: can't listen on {address}: the port is already in use; stop ")
    assert "choose another port with --bind HOST:PORT" in run.stderr
    assert run.stderr.count("\n") == 1


def test_an_error_is_logged_as_one_line_of_json(iris: Path) -> None:
    with Server(iris) as server:
        server.wait_for(lambda: all(server.post().status_code == 200 for _ in range(50)))
        (iris / "iris/serving.json").write_text("{")
        time.sleep(2.5)
        assert server.post().status_code == 200
        _, errors = server.stop()
    lines = [json.loads(line) for line in errors.splitlines()]
    assert len(lines) == 2  # once per worker, not once per second
    for line in lines:
        assert line["level"] == "error"
        assert "serving.json is damaged" in line["message"]


@pytest.mark.slow
def test_mnist_from_the_command_line_to_predictions(data_folder: Path, models: Path) -> None:
    assert train(["train", "--data", str(data_folder / "mnist.npz"), "--name", "mnist", "--models", str(models)]) == 0
    assert train(["train", "--data", "digits", "--models", str(models)]) == 0
    with np.load(data_folder / "mnist.npz") as mnist:
        images, labels = mnist["x_test"][:500].reshape(-1, 784), mnist["y_test"][:500]
    with Server(models) as server:
        server.wait_until_ready()
        body = json.dumps({"instances": images.tolist()})
        answer = server.post("/models/mnist/predict", body).json()
        assert np.mean(np.array(answer["predictions"]) == labels) >= 0.95
        expected = read_version(models, "mnist", 1).artifact.model.predict(images.astype(np.float32))
        np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)
        single = server.post("/models/mnist/predict", json.dumps({"instances": images[:1].tolist()})).json()
        np.testing.assert_allclose(single["probabilities"][0], answer["probabilities"][0], atol=1e-5)
        assert {model["name"] for model in requests.get(f"{server.url}/models", timeout=5).json()["models"]} == {
            "digits",
            "mnist",
        }
