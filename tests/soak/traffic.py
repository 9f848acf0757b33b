"""Clients in threads: those that check each response, and those that misbehave."""

import io
import json
import random
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt
import requests

from tests.helpers.bad_requests import BAD_NATIVE
from tests.helpers.npy import NPY, write_npy
from tests.helpers.server import Server, parse_metrics
from tests.helpers.tensors import LENGTH, RawRequest, in_binary, tensor
from tests.helpers.wire import JSON, Wire, http_request

MODEL, LABELS = "abc", "abc"  # version n predicts label n - 1, in turn
PAUSE = 0.01  # seconds between two requests of a client
MAX_ROWS = 64
MAX_BEHIND = 10  # versions that a worker may be behind the publisher: as many seconds
KILL_SECONDS = 1.0  # in which requests to a killed worker fail
# Without those that exceed limits or weights of the servers and models of other tests.
BAD_BODIES = [(body, status) for body, status, error in BAD_NATIVE if status != 413 and "sums" not in error]
Rows = npt.NDArray[np.float32]


class Log:
    """What the clients of a server have seen. A connection that breaks is excused if a worker was killed just then."""

    def __init__(self) -> None:
        self.counts, self.failures = Counter[str](), list[str]()
        self.published = 0  # the latest version
        self._lock, self._killed_at = threading.Lock(), -inf

    def note_kill(self) -> None:
        self._killed_at = time.monotonic()
        self.count("killed workers")

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def fail(self, what: str) -> None:
        with self._lock:
            self.failures.append(what)

    def note_broken(self, what: str) -> None:
        if time.monotonic() - self._killed_at < KILL_SECONDS:
            self.count("broken by a kill")
        else:
            self.fail(what)


def _native(rows: Rows) -> RawRequest:
    return {"Content-Type": JSON}, json.dumps({"instances": rows.tolist()}).encode()


def _npy(rows: Rows) -> RawRequest:
    return {"Content-Type": NPY}, write_npy(rows)


def _v2(rows: Rows) -> RawRequest:
    inputs = tensor(shape=rows.shape, data=rows.ravel().tolist())
    return {"Content-Type": JSON}, json.dumps({"inputs": [inputs]}).encode()


def _v2_binary(rows: Rows) -> RawRequest:
    headers, body = in_binary(rows.tobytes(), tensor(shape=rows.shape, size=rows.nbytes))
    return {"Content-Type": "application/octet-stream", **headers}, body


def _labels_of_v2(answer: requests.Response) -> list[Any]:
    found = json.loads(answer.content[: int(answer.headers.get(LENGTH, len(answer.content)))])
    return list(next(output["data"] for output in found["outputs"] if output["datatype"] == "BYTES"))


# By the name of the protocol: path, request for rows, and the labels in a response.
PROTOCOLS: dict[str, tuple[str, Callable[[Rows], RawRequest], Callable[[requests.Response], list[Any]]]] = {
    "native": (f"/models/{MODEL}/predict", _native, lambda answer: list(answer.json()["predictions"])),
    "npy": (
        f"/models/{MODEL}/predict",
        _npy,
        lambda answer: [LABELS[place] for place in np.load(io.BytesIO(answer.content)).argmax(axis=1)],
    ),
    "tensorflow": (
        f"/v1/models/{MODEL}:predict",
        _native,
        lambda answer: [LABELS[int(np.argmax(row))] for row in answer.json()["predictions"]],
    ),
    "v2": (f"/v2/models/{MODEL}/infer", _v2, _labels_of_v2),
    "v2 binary": (f"/v2/models/{MODEL}/infer", _v2_binary, _labels_of_v2),
}


def predict(server: Server, log: Log, over: threading.Event, seed: int) -> None:
    """Predict by all protocols in turn, on connections that are kept open or new ones."""
    rng, session = np.random.default_rng(seed), requests.Session()
    while not over.wait(PAUSE):
        for protocol, (path, write, labels) in PROTOCOLS.items():
            rows = rng.normal(size=(rng.integers(1, MAX_ROWS + 1), 4)).astype(np.float32)
            headers, body = write(rows)
            post = session.post if rng.random() < 0.9 else requests.post
            try:
                answer = post(server.url + path, data=body, headers=headers, timeout=10)
            except requests.RequestException as error:
                log.note_broken(f"{protocol}: {error}")
                continue
            if _is_shed(answer, log):
                continue
            if answer.status_code != 200:
                log.fail(f"{protocol}: {answer.status_code} {answer.text[:200]}")
                continue
            version = int(answer.headers["X-Model-Version"])
            if labels(answer) != [LABELS[(version - 1) % 3]] * len(rows):
                log.fail(f"{protocol}: wrong labels from version {version}")
            elif version < log.published - MAX_BEHIND:
                log.fail(f"{protocol}: version {version}, when {log.published} was published")
            else:
                log.count(protocol)


def _is_shed(answer: requests.Response, log: Log) -> bool:
    """Return whether the server was too busy, as beside other programs on the machine; then wait as long as it says."""
    if answer.status_code != 503 or "Retry-After" not in answer.headers:
        return False
    log.count("shed")
    time.sleep(float(answer.headers["Retry-After"]))
    return True


def watch_metrics(server: Server, log: Log, over: threading.Event) -> None:
    """Scrape as Prometheus does. No counter of requests may decrease, also if workers are killed."""
    before: dict[Any, float] = {}
    while not over.wait(1):
        try:
            answer = requests.get(f"{server.url}/metrics", timeout=10)
        except requests.RequestException as error:
            log.note_broken(f"metrics: {error}")
            continue
        if answer.status_code != 200:
            log.fail(f"metrics: {answer.status_code}")
            continue
        series = parse_metrics(answer.text)
        now = {key: value for key, value in series.items() if key[0] == "npserve_http_requests_total"}
        for key, value in before.items():
            if now.get(key, 0) < value:
                log.fail(f"metrics: {key} fell from {value} to {now.get(key)}")
        before = now
        log.count("scrapes")


def send_bad_bodies(server: Server, log: Log, over: threading.Event, seed: int) -> None:
    """Send requests that must be refused with the right status."""
    chooser = random.Random(seed)
    while not over.wait(PAUSE):
        body, status = chooser.choice(BAD_BODIES)
        try:
            answer = requests.post(
                f"{server.url}/models/{MODEL}/predict", data=body, headers={"Content-Type": JSON}, timeout=10
            )
        except requests.RequestException as error:
            log.note_broken(f"bad body: {error}")
            continue
        if answer.status_code == status:
            log.count("bad bodies")
        elif not _is_shed(answer, log):
            log.fail(f"bad body: {answer.status_code} for {body[:60]!r}, expected {status}")


def die(server: Server, log: Log, over: threading.Event, seed: int) -> None:
    """Begin requests, and disappear: with or without a reset, in the head, in the body, or before the response."""
    chooser = random.Random(seed)
    _, body = _native(np.zeros((MAX_ROWS, 4), np.float32))
    sent = http_request("POST", f"/models/{MODEL}/predict", body, Content_Type=JSON)
    while not over.wait(PAUSE):
        try:
            with Wire(server.port) as wire:
                wire.send(sent[: chooser.choice((10, 60, len(sent) // 2, len(sent)))])
                if chooser.random() < 0.5:
                    wire.reset()
        except (OSError, struct.error):
            pass  # the worker was killed
        log.count("clients that died")


def _checked(run: Callable[..., None], server: Server, log: Log, *arguments: Any) -> None:
    """Run a client. One that ends by an error has failed, as by a response that cannot be read."""
    try:
        run(server, log, *arguments)
    except Exception as error:
        log.fail(f"{run.__name__}: {error!r}")


@contextmanager
def running(server: Server, log: Log) -> Iterator[None]:
    """Send all kinds of traffic to a server."""
    over = threading.Event()
    clients: list[tuple[Any, ...]] = [(predict, server, log, over, seed) for seed in range(2)]
    clients += [
        (watch_metrics, server, log, over),
        (send_bad_bodies, server, log, over, 0),
        (die, server, log, over, 0),
    ]
    threads = [threading.Thread(target=_checked, args=client) for client in clients]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
