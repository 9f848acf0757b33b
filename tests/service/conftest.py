"""Fixtures: a store with models, the app in this process, and the real server in its own process."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from nn import Artifact
from service.app import create_app
from service.prediction.reloader import CatalogueReloader
from service.settings import Settings
from store import publish
from tests.helpers.models import MakeRng, make_artifact
from tests.helpers.server import Server


@pytest.fixture(autouse=True, scope="package")
def _without_fsync() -> Iterator[None]:
    """Skip fsync: these models need not survive a power failure. The tests of the store keep it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture(autouse=True)
def _stop_reloaders(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    reloaders: list[CatalogueReloader] = []
    start = CatalogueReloader.start

    def start_and_note(reloader: CatalogueReloader, seconds: float) -> None:
        reloaders.append(reloader)
        start(reloader, seconds)

    monkeypatch.setattr(CatalogueReloader, "start", start_and_note)
    yield
    for reloader in reloaders:
        reloader.stop()


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """An empty store."""
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


@pytest.fixture
def iris(models: Path, artifact: Artifact) -> Path:
    """A store with version 1 of iris: four numbers, three labels."""
    publish(models, "iris", artifact, {"test": {"accuracy": 0.9, "rows": 100}}, {})
    return models


@pytest.fixture
def app(iris: Path) -> Flask:
    return create_app(Settings(models=iris, max_body_bytes=10_000, max_rows=50))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory, make_rng: MakeRng) -> Iterator[Server]:
    """The real server with two workers, serving iris. Shared: tests compare counters before and after."""
    models = tmp_path_factory.mktemp("shared") / "models"
    publish(models, "iris", make_artifact(make_rng()), {"test": {"accuracy": 0.9, "rows": 100}}, {})
    with Server(models) as server:
        server.wait_until_ready()
        yield server


@pytest.fixture
def server(iris: Path, tmp_path: Path) -> Iterator[Server]:
    """The real server with two workers, serving iris."""
    with Server(iris) as server:
        server.wait_until_ready()
        yield server
