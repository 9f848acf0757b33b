"""Rejecting a body full of errors takes at most a few times as long as parsing it, so it does not block others."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from flask import Flask

from service.app import create_app
from service.settings import Settings
from tests.helpers.predictions import predict

NATIVE, TENSORFLOW, INFERENCE = "/models/iris/predict", "/v1/models/iris:predict", "/v2/models/iris/infer"
MANY = {str(number): 0 for number in range(40_000)}
TENSOR = {"name": "input", "shape": [1, 4], "datatype": "FP32", "data": [5.1, 3.5, 1.4, 0.2]}
BODIES: list[tuple[str, Any, int]] = [
    (NATIVE, MANY, 422),
    (NATIVE, {"instances": [[5.1, 3.5, 1.4, 0.2]]} | MANY, 422),
    (NATIVE, {"instances": [MANY]}, 422),
    (NATIVE, {"instances": [{}] * 200_000}, 413),
    (TENSORFLOW, {"inputs": MANY}, 400),
    (TENSORFLOW, {"inputs": {f"feature {column}": [0] * 40_000 for column in range(4)}}, 413),
    (TENSORFLOW, {"instances": [MANY]}, 400),
    (TENSORFLOW, {"instances": [{}] * 200_000}, 413),
    (INFERENCE, {"inputs": [TENSOR | {"name": name} for name in [*MANY][:10_000]]}, 400),
    (INFERENCE, {"inputs": [TENSOR], "outputs": [{"name": name} for name in MANY]}, 400),
    (INFERENCE, {"inputs": [TENSOR], "outputs": [{"name": "predictions"}] * 20_000}, 400),
]


@pytest.fixture
def app(iris: Path) -> Flask:
    return create_app(Settings(models=iris))


def _seconds(act: Callable[[], Any]) -> float:
    """Return the CPU time of this thread, the shortest of a few measurements."""
    times = []
    for _ in range(3):
        began = time.thread_time()
        act()
        times.append(time.thread_time() - began)
    return min(times)


@pytest.mark.parametrize(("path", "body", "status"), BODIES)
def test_rejecting_takes_less_than_four_times_as_long_as_parsing(path: str, body: Any, status: int, app: Flask) -> None:
    raw = orjson.dumps(body)
    assert predict(app, path, raw).status == status
    ratio = _seconds(lambda: predict(app, path, raw)) / _seconds(lambda: orjson.loads(raw))
    assert ratio < 4
