"""Only the counts of a request outlive its response."""

import gc
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from flask import Flask

from service.app import create_app
from service.logs.access_log import AccessLog
from service.metrics.families import HTTP_REQUESTS
from service.metrics.registry import Metrics
from service.prediction.calls import CallLabels, CallRecord, PendingRequest, Timings
from service.prediction.counting import CallCounter
from service.prediction.memory_budget import SMALL
from service.prediction.messages import Request, Response
from service.protocols import find_route
from service.settings import Settings
from tests.helpers.models import ROW
from tests.helpers.predictions import make_request


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [
        ("/predict", json.dumps({"instances": [ROW]}), 200),
        ("/predict", json.dumps({"instances": [ROW], "top": 1}), 200),
        ("/predict", "not JSON", 400),
        ("/predict", json.dumps({"instances": [[1]]}), 422),
        ("/predict", json.dumps({"instances": [[3e38] * 4] * 3}), 422),
        ("/predict", "x" * 20_000, 413),
        ("/models/unknown/predict", "{}", 404),
        ("/v1/models/iris:predict", "not JSON", 400),
        ("/v1/models/iris:predict", json.dumps({"instances": [ROW]}), 200),
        ("/v2/models/iris/infer", "not JSON", 400),
        ("/v2/models/iris/infer", json.dumps({"inputs": []}), 400),
        ("/v2/models/iris/infer", json.dumps({"inputs": 1}), 400),
    ],
)
def test_a_body_is_freed_with_its_response(path: str, text: str, status: int, app: Flask, no_collector: None) -> None:
    pipeline, route, responses = app.extensions["npserve"].pipeline, find_route(path), list[Response]()
    assert route is not None
    body = bytearray(text.encode())
    alone = sys.getrefcount(body)
    pipeline.answer(pipeline.decode([PendingRequest(make_request({}, body), route, responses.append)]))
    assert [response.status for response in responses] == [status]
    assert len(pipeline.counter) == 1
    assert sys.getrefcount(body) == alone


def test_counting_is_thread_safe() -> None:
    metrics = Metrics()
    counter, before = CallCounter(metrics, AccessLog(0)), sys.getswitchinterval()
    labels = CallLabels(None, "native", "/predict", 404, "invalid", "not_found")
    record = CallRecord(labels, Timings(0.0, 0.0), "", np.empty(0, np.intp), np.empty((0, 0)))

    def add_and_count(_: int) -> None:
        counter.add(record)
        counter.count()

    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            assert len([*threads.map(add_and_count, range(4000))]) == 4000
    finally:
        sys.setswitchinterval(before)
    counter.count()
    assert metrics.find(HTTP_REQUESTS, "POST", "/predict", "404").values[0] == 4000


def test_a_small_body_is_accepted_regardless_of_other_clients(iris: Path) -> None:
    app = create_app(Settings(models=iris))
    service, route = app.extensions["npserve"], find_route("/predict")
    assert route is not None
    service.budget.reserve(service.budget.large.max_bytes)
    body = json.dumps({"instances": [ROW] * 700}).encode().ljust(SMALL - 10)
    responses: list[Response] = []
    request = Request({}, service.budget.reserve(len(body)), body)
    service.pipeline.answer(service.pipeline.decode([PendingRequest(request, route, responses.append)]))
    assert [response.status for response in responses] == [200]
