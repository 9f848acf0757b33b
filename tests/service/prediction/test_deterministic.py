"""NPSERVE_DETERMINISTIC=1: a row gives bit-identical results in each batch and each protocol of the real server."""

import io
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import requests

from nn import Artifact, Features, Golden, Model
from store import publish
from tests.helpers.models import make_network
from tests.helpers.npy import NPY, write_npy
from tests.helpers.server import Server
from tests.helpers.tensors import ALL_BINARY, LENGTH, array_request
from tests.helpers.wire import JSON

Rows = npt.NDArray[np.float32]
INPUTS, OUTPUTS = 784, 10
BATCHES = (1, 2, 3, 5, 8, 64)  # BLAS selects its kernels, and so the order of sums, by the number of rows


def _rows(rng: np.random.Generator, count: int) -> Rows:
    """Small values, so that no probability is rounded to 0."""
    return rng.normal(scale=0.02, size=(count, INPUTS)).astype(np.float32)


def _native(url: str, rows: Rows) -> Any:
    return _json(f"{url}/predict", rows)["probabilities"]


def _v1(url: str, rows: Rows) -> Any:
    return _json(f"{url}/v1/models/digits:predict", rows)["predictions"]


def _json(url: str, rows: Rows) -> Any:
    return _post(url, json.dumps({"instances": rows.tolist()}).encode(), {"Content-Type": JSON}).json()


def _npy(url: str, rows: Rows) -> Any:
    answer = _post(f"{url}/predict", write_npy(rows), {"Content-Type": NPY})
    return np.load(io.BytesIO(answer.content))


def _v2(url: str, rows: Rows) -> Any:
    headers, body = array_request(rows, parameters=ALL_BINARY, outputs=[{"name": "probabilities"}])
    answer = _post(f"{url}/v2/models/digits/infer", body, headers)
    return np.frombuffer(answer.content[int(answer.headers[LENGTH]) :], "<f4").reshape(-1, OUTPUTS)


def _post(url: str, body: bytes, headers: dict[str, str]) -> requests.Response:
    answer = requests.post(url, data=body, headers=headers, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer


PROTOCOLS = (_native, _npy, _v1, _v2)


@pytest.fixture
def url(models: Path, rng: np.random.Generator) -> Iterator[str]:
    network = make_network(rng, (INPUTS, 64, OUTPUTS))
    model = Model(Features.plain(INPUTS), network, "classification", tuple(range(OUTPUTS)))
    publish(models, "digits", Artifact(model, Golden.measure(model, _rows(rng, 5).tolist())), {}, {})
    with Server(models, workers=1, NPSERVE_DETERMINISTIC="1", NPSERVE_MAX_QUEUE_SECONDS="60") as server:
        server.wait_until_ready()
        yield server.url


def test_results_are_bit_identical_regardless_of_the_batch(url: str, rng: np.random.Generator) -> None:
    rows = _rows(rng, max(BATCHES))
    alone = np.array([_native(url, rows[row : row + 1])[0] for row in range(len(rows))], np.float32)
    assert (alone > 0).all()

    def ask(protocol: Callable[[str, Rows], Any], start: int, count: int) -> None:
        found = np.asarray(protocol(url, rows[start : start + count]), np.float32)
        np.testing.assert_array_equal(found, alone[start : start + count])

    asked = [
        (protocol, int(rng.integers(len(rows) - count + 1)), count)
        for protocol in PROTOCOLS
        for count in BATCHES
        for _ in range(2)
    ]
    for one in asked:  # without concurrent requests
        ask(*one)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda one: ask(*one), asked))
