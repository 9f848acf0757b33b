"""Of a request, only what is counted outlives its response."""

import gc
import json
import sys
from collections.abc import Iterator

import pytest
from flask import Flask

from service.prediction.calls import PendingRequest
from service.prediction.messages import Response
from service.protocols import find_route
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
        ("/models/nobody/predict", "{}", 404),
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
