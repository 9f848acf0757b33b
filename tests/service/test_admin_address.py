"""NPSERVE_ADMIN_BIND: a second address with health, readiness and metrics only."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
import requests

from service.admin_address import AdminAddress
from store import publish
from tests.helpers.models import make_artifact
from tests.helpers.server import Server, free_port
from tests.helpers.wire import Wire, http_request

HEALTH = ("/livez", "/readyz", "/ping", "/v2/health/live", "/v2/health/ready", "/v2", "/v2/")
PAGES = ("/", "/docs", "/openapi.json", "/models", "/v1/models/iris", "/v2/models", "/nowhere")
PREDICTIONS = ("/predict", "/models/iris/predict", "/v1/models/iris:predict", "/v2/models/iris/infer")


class Served(NamedTuple):
    """A server and the URL of its admin address."""

    server: Server
    admin: str


@pytest.fixture(scope="module", params=["", "gthread"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    models, port = tmp_path_factory.mktemp("admin") / "models", free_port()
    publish(models, "iris", make_artifact(np.random.default_rng(0)), {}, {})
    with Server(models, worker_class=request.param, NPSERVE_ADMIN_BIND=f"127.0.0.1:{port}") as server:
        server.wait_until_ready()
        yield Served(server, f"http://127.0.0.1:{port}")
        out, log = server.stop()
        assert f"Health and metrics on http://127.0.0.1:{port}\n" in out
        assert log == ""


def test_the_admin_address_has_health_and_metrics(served: Served) -> None:
    for path in HEALTH:
        answers = [requests.get(url + path, timeout=5) for url in (served.admin, served.server.url)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content
    answer = requests.get(f"{served.admin}/metrics", timeout=5)
    assert answer.status_code == 200
    assert "npserve_model_info{" in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_the_admin_address_has_no_pages(path: str, served: Served) -> None:
    answer = requests.get(served.admin + path, timeout=5)
    assert answer.status_code == 404
    assert answer.json() == {"error": "unknown path: this address has only health (/livez, /readyz) and /metrics"}
    assert len(answer.headers["X-Request-ID"]) == 32


@pytest.mark.parametrize("path", PREDICTIONS)
def test_the_admin_address_has_no_predictions(path: str, served: Served) -> None:
    answer = requests.post(served.admin + path, json={"instances": [[1, 2, 3, 4]]}, timeout=5)
    assert answer.status_code == 404
    assert requests.post(f"{served.admin}/livez", timeout=5).status_code == 405
    with Wire(int(served.admin.rpartition(":")[2])) as wire:
        large = wire.send(http_request("POST", path, b" " * 65537)[:-65537]).read_response()
    assert large is not None
    assert large.status == 413


def test_the_first_address_has_no_metrics(served: Served) -> None:
    server = served.server
    assert requests.get(f"{server.url}/metrics", timeout=5).status_code == 404
    assert "/metrics" not in requests.get(f"{server.url}/openapi.json", timeout=5).json()["paths"]
    assert "/metrics" not in requests.get(f"{server.url}/docs", timeout=5).text
    assert "/metrics" not in requests.get(server.url, headers={"Accept": "text/html"}, timeout=5).text
    assert server.post().status_code == 200


def test_a_host_header_does_not_lead_to_the_admin_address(served: Served) -> None:
    with Wire(served.server.port) as wire:
        answer = wire.send(http_request("GET", "/metrics", Host=served.admin.removeprefix("http://"))).read_response()
    assert answer is not None
    assert (answer.status, "GET /docs" in json.loads(answer.body)["error"]) == (404, True)


@pytest.mark.parametrize(
    ("listening", "local", "matches"),
    [
        (("127.0.0.1", 9090), ("127.0.0.1", 9090), True),
        (("127.0.0.1", 9090), ("127.0.0.1", 8000), False),
        (("127.0.0.2", 8000), ("127.0.0.1", 8000), False),
        (("0.0.0.0", 9090), ("10.0.0.1", 9090), True),
        (("::", 9090, 0, 0), ("::ffff:10.0.0.1", 9090, 0, 0), True),
        (("::1", 9090, 0, 0), ("::1", 9090, 0, 0), True),
        ("/run/admin.sock", "/run/admin.sock", True),
        ("/run/admin.sock", "/run/npserve.sock", False),
        ("/run/admin.sock", ("127.0.0.1", 9090), False),
        (None, None, False),
    ],
)
def test_connections_are_recognized_by_their_local_address(listening: object, local: object, matches: bool) -> None:
    admin = AdminAddress()
    admin.listen(listening)
    assert admin.matches(local) is matches
