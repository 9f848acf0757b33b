"""Requests while models are still loading, in both adapters."""

import asyncio
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

import service.app
import store.watch
from nn import Artifact
from service.app import create_app
from service.prediction import model_queue, reloader
from service.prediction.calls import PendingRequest
from service.prediction.memory_budget import MemoryBudget
from service.prediction.messages import Request, Response
from service.protocols import find_route
from service.server.batching.batcher import Batcher
from service.settings import Settings
from store import Version, publish, read_version
from tests.helpers.server import BODY
from tests.helpers.wire import JSON

AT_ONCE = 0.15  # seconds


class Disk:
    """Files that cannot be read until `answers` is set, except those of `good`. Notes the models that are loaded."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers, self.loaded = threading.Event(), list[str]()
        monkeypatch.setattr(store.watch, "read_version", self.read_version)

    def read_version(self, models: Path, name: str, number: int) -> Version:
        if name != "good":
            self.answers.wait(30)
        self.loaded.append(name)
        return read_version(models, name, number)


@pytest.fixture
def disk(models: Path, artifact: Artifact, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """A store of `a`, `b`, `c` and `good`."""
    for name in ("a", "b", "c", "good"):
        publish(models, name, artifact, {}, {})
    monkeypatch.setattr(service.app, "START_SECONDS", 0.1)
    monkeypatch.setattr(model_queue, "PATIENCE_SECONDS", 0.05)
    disk = Disk(monkeypatch)
    yield disk
    disk.answers.set()


@pytest.fixture
def app(models: Path, disk: Disk) -> Flask:
    app = create_app(Settings(models=models))
    _wait_for(lambda: "good" in app.extensions["npserve"].catalogue.models)
    return app


def _wait_for(condition: Any, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def _post(app: Flask, path: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().post(path, data=BODY, content_type=JSON, headers=named)


def test_other_models_are_served_meanwhile(app: Flask) -> None:
    client, began = app.test_client(), time.monotonic()
    assert client.get("/readyz").status_code == 200
    assert _post(app, "/models/good/predict").status_code == 200
    assert _post(app, "/models/unknown/predict").status_code == 404
    sent = client.get("/models/a")
    assert (sent.status_code, sent.headers["Retry-After"]) == (503, "1")
    assert sent.json == {"error": "a is still loading: try again later"}
    assert time.monotonic() - began < AT_ONCE * 4


@pytest.mark.parametrize("path", ["/models/a/predict", "/v1/models/a:predict", "/predict"])
def test_a_request_waits_until_its_deadline(app: Flask, path: str) -> None:
    began = time.monotonic()
    assert _post(app, path, X_Request_Timeout_Ms="200").status_code == 504
    assert time.monotonic() - began > 0.2


def test_a_request_waits_for_its_model_which_is_loaded_first(
    models: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_queue, "PATIENCE_SECONDS", 60)
    app, statuses = create_app(Settings(models=models)), list[int]()
    thread = threading.Thread(target=lambda: statuses.append(_post(app, "/models/c/predict").status_code))
    thread.start()
    time.sleep(AT_ONCE)
    assert statuses == []
    disk.answers.set()
    thread.join(10)
    assert statuses == [200]
    _wait_for(lambda: len(disk.loaded) == 4)
    assert disk.loaded == ["a", "c", "b", "good"]


def test_the_threads_that_wait_are_limited(app: Flask, disk: Disk) -> None:
    threads = [threading.Thread(target=_post, args=(app, "/models/a/predict")) for _ in range(2)]
    for thread in threads:
        thread.start()
    time.sleep(AT_ONCE)
    began = time.monotonic()
    assert _post(app, "/models/a/predict").status_code == 503
    assert time.monotonic() - began < AT_ONCE
    disk.answers.set()
    for thread in threads:
        thread.join(10)


def test_a_model_whose_files_cannot_be_read_has_a_problem(
    models: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reloader, "MAX_LOADING_SECONDS", 0.3)
    monkeypatch.setattr(reloader, "POLL_SECONDS", 0.1)
    app = create_app(Settings(models=models))
    problems = app.extensions["npserve"].reloader
    _wait_for(lambda: "a" in problems.catalogue.problems)
    began = time.monotonic()
    sent = _post(app, "/models/a/predict")
    assert sent.status_code == 503
    assert sent.json == {"error": f"the files of {models / 'a'} are still being read: is the disk slow or away?"}
    assert time.monotonic() - began < AT_ONCE
    disk.answers.set()
    _wait_for(lambda: not problems.catalogue.problems)
    assert _post(app, "/models/a/predict").status_code == 200


async def _submit(app: Flask, batcher: Batcher, model: str, headers: dict[str, str]) -> Response:
    found: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
    route = find_route(f"/models/{model}/predict")
    assert route is not None
    request = Request(headers, MemoryBudget(10**6).reserve(), BODY.encode())
    batcher.submit(PendingRequest(request, route, found.set_result))
    return await found


def test_the_event_loop_goes_on_while_requests_wait(app: Flask, disk: Disk) -> None:
    async def run() -> None:
        service = app.extensions["npserve"]
        batcher = Batcher(service.pipeline, service.reloader, asyncio.get_running_loop(), 1)
        waiting = [asyncio.create_task(_submit(app, batcher, "c", {})) for _ in range(50)]
        late = asyncio.create_task(_submit(app, batcher, "b", {"x-request-timeout-ms": "100"}))
        malformed = await _submit(app, batcher, "b", {"x-request-timeout-ms": "soon"})
        assert malformed.status == 400
        assert (await _submit(app, batcher, "good", {})).status == 200
        assert (await late).status == 504
        assert not any(task.done() for task in waiting)
        disk.answers.set()
        responses = await asyncio.gather(*waiting)
        assert {response.status for response in responses} == {200}
        assert json.loads(responses[0].body)["model"] == "c"

    asyncio.run(run())


def test_a_new_model_does_not_stop_predictions_with_the_only_one(models: Path, artifact: Artifact, disk: Disk) -> None:
    for name in ("a", "b", "c"):
        shutil.rmtree(models / name)
    app = create_app(Settings(models=models))
    assert _post(app, "/predict").status_code == 200
    publish(models, "late", artifact, {}, {})
    app.extensions["npserve"].reloader.poll()
    assert "late" in app.extensions["npserve"].catalogue.loading
    began = time.monotonic()
    assert _post(app, "/predict").status_code == 200
    assert time.monotonic() - began < AT_ONCE
