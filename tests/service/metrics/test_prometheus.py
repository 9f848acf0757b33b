"""A real Prometheus scrapes the real server."""

import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.helpers.server import Server, free_port

CONFIGURATION = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: npserve
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
"""


@pytest.fixture(autouse=True)
def _require_prometheus() -> None:
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        pytest.skip("prometheus is not installed")


def test_promtool_accepts_the_exposition(shared_server: Server) -> None:
    shared_server.post()
    exposition = requests.get(f"{shared_server.url}/metrics", timeout=5).text
    check = subprocess.run(
        ["promtool", "check", "metrics"], input=exposition, capture_output=True, text=True, check=False
    )
    assert (check.returncode, check.stderr) == (0, ""), check.stderr


@pytest.mark.slow
def test_prometheus_scrapes_the_server(server: Server, tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text(CONFIGURATION.format(port=server.port))
    for _ in range(20):
        server.post()
    port = free_port()
    with subprocess.Popen(
        [
            "prometheus",
            f"--config.file={tmp_path / 'prometheus.yml'}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stderr=subprocess.DEVNULL,
    ) as prometheus:
        try:
            query = 'npserve_request_seconds_count{model="iris",version="1",outcome="ok"}'
            assert _ask(port, query) == 20
            assert 0 < _ask(port, "histogram_quantile(0.5, npserve_request_seconds_bucket{outcome='ok'})") < 0.1
            assert _ask(port, "sum(npserve_http_requests_total{route='/predict'})") == 20
        finally:
            prometheus.terminate()


def _ask(port: int, query: str) -> float:
    """Return the value of a query as soon as it has one."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            answer = requests.get(f"http://127.0.0.1:{port}/api/v1/query", params={"query": query}, timeout=5)
            if result := answer.json()["data"]["result"]:
                return float(result[0]["value"][1])
        except (requests.ConnectionError, json.JSONDecodeError, KeyError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"no value for {query}")
