"""The exposition: what Prometheus gets, and that it can read it."""

import platform
from pathlib import Path

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from npserve import __version__
from service.app import create_app
from service.metrics.exposition import AllProcesses, expose
from service.metrics.families import ROWS
from service.metrics.memory import SlotImage
from service.metrics.registry import Metrics
from service.protocols import CODECS
from service.settings import Settings
from store import publish
from tests.helpers.models import ROW, make_constant
from tests.helpers.server import parse_metrics, total

ODD = 'a "quote", a back\\slash, {a=b} and\na new line'


def test_both_parsers_agree(models: Path) -> None:
    publish(models, "odd", make_constant(1, labels=("a", ODD, "c")), {}, {})
    client = create_app(Settings(models=models)).test_client()
    assert client.post("/predict", json={"instances": [ROW]}).get_json()["predictions"] == [ODD]
    assert client.post("/predict", json={"instances": [[]]}).status_code == 422
    text = client.get("/metrics").text
    expected = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert parse_metrics(text) == expected
    assert ("npserve_predictions_total", (("label", ODD), ("model", "odd"), ("version", "1"))) in expected


def test_alarming_outcomes_are_there_from_the_start(iris: Path) -> None:
    client = create_app(Settings(models=iris)).test_client()
    series = parse_metrics(client.get("/metrics").text)
    for codec in CODECS:
        for outcome in ("error", "shed"):
            labels = {"model": "iris", "outcome": outcome, "protocol": codec.name, "version": "1"}
            assert series["npserve_requests_total", tuple(labels.items())] == 0
    client.post("/predict", json={"instances": [ROW]})
    series = parse_metrics(client.get("/metrics").text)
    assert total(series, "npserve_requests_total") == total(series, "npserve_requests_total", outcome="ok") == 1


def test_the_build_and_the_process_are_shown(iris: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPSERVE_REVISION", "4f01af3")
    client = create_app(Settings(models=iris)).test_client()
    series = parse_metrics(client.get("/metrics").text)
    versions = {"version": __version__, "python": platform.python_version(), "numpy": np.__version__}
    assert total(series, "npserve_build_info", revision="4f01af3", **versions) == 1
    assert total(series, "npserve_metrics_lost") == 0
    assert total(series, "process_resident_memory_bytes", worker="0") > 10 * 2**20
    assert total(series, "process_open_fds", worker="0") > 3


def test_a_damaged_slot_costs_only_its_own_counts(rng: np.random.Generator) -> None:
    metrics = Metrics()
    for number in range(20):
        metrics.find(ROWS, "iris", str(number)).add(number)
    assert metrics._memory is not None
    (image,) = metrics._memory.images()
    for _ in range(200):
        damaged = bytearray(image.content)
        start = int(rng.integers(len(damaged)))
        damaged[start : start + 50] = rng.bytes(len(damaged[start : start + 50]))
        images = [image, SlotImage(1, image.process, True, False, bytes(damaged))]
        series = parse_metrics(expose(AllProcesses(images, ()), "")[0].decode())
        assert len([name for name, _ in series if name == "npserve_rows_total"]) >= 20
