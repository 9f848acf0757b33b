"""The Prometheus client and the parser of the tests read the exposition identically."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from service.app import create_app
from service.settings import Settings
from store import publish
from tests.helpers.models import ROW, make_constant
from tests.helpers.server import parse_metrics

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
