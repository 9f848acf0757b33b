"""Text in requests to a model that records how text is read, in all protocols."""

import json
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from service.app import create_app
from service.settings import Settings

STORE = Path(__file__).parents[2] / "artifacts"
ANSWERS: dict[str, Any] = json.loads((STORE / "answers.json").read_text())["europe"]
ROW, VALUE = ANSWERS["instances"][0], ANSWERS["predictions"][0]


@pytest.fixture(scope="module")
def client() -> FlaskClient:
    return create_app(Settings(models=STORE)).test_client()


def test_v1_reads_text_in_rows_and_in_columns(client: FlaskClient) -> None:
    columns = {name: [cell, cell] for name, cell in ROW.items()}
    for body in ({"instances": [ROW, ROW]}, {"inputs": columns}):
        response = client.post("/v1/models/europe:predict", json=body)
        assert response.status_code == 200, response.text
        answer = response.get_json()
        assert [*chain(*answer.get("predictions", answer.get("outputs")))] == pytest.approx([VALUE] * 2, rel=1e-5)


@pytest.mark.parametrize("changes", [{}, {"open": ("INT64", 1), "share": ("FP64", 12.0)}, {"open": ("BOOL", True)}])
def test_v2_reads_text_and_numbers_of_each_datatype(changes: dict[str, Any], client: FlaskClient) -> None:
    cells = {name: ("BYTES" if isinstance(cell, str) else "UINT8", cell) for name, cell in ROW.items()} | changes
    inputs = [
        {"name": name, "shape": [1, 1], "datatype": datatype, "data": [cell]}
        for name, (datatype, cell) in cells.items()
    ]
    response = client.post("/v2/models/europe/infer", json={"inputs": inputs})
    assert response.status_code == 200, response.text
    assert response.get_json()["outputs"][0]["data"] == pytest.approx([VALUE], rel=1e-5)
    inputs[4]["data"] = ["1.23"]
    response = client.post("/v2/models/europe/infer", json={"inputs": inputs})
    assert response.status_code == 400
    assert "expected a number, or text such as 1.234,5" in response.get_json()["error"]


@pytest.mark.parametrize(
    ("name", "cell", "expected"),
    [
        ("area", "1.23", "a number, or text such as 1.234,5"),
        ("area", "1234.5", "a number, or text such as 1.234,5"),
        ("share", "12 kg", "a number, or text such as 1234.5%"),
        ("stars", "-", "a number, or text such as 1234.5, or null"),
        ("day", "07/31/2023", "a date such as 31/05/2024, or a date in ISO 8601"),
        ("opens", "24:30", "a time such as 08:30:00, or a date in ISO 8601"),
        ("open", "1", "true or false, or 1 or 0"),
        ("open", 2, "true or false, or 1 or 0"),
    ],
)
def test_other_text_is_refused_with_what_is_expected(name: str, cell: Any, expected: str, client: FlaskClient) -> None:
    response = client.post("/models/europe/predict", json={"instances": [ROW | {name: cell}]})
    assert response.status_code == 422
    assert response.get_json()["details"][0]["expected"] == expected
    assert response.get_json()["details"][0]["pointer"] == f"/instances/0/{name}"


def test_the_documents_describe_text(client: FlaskClient) -> None:
    features = client.get("/models/europe").get_json()["stable"]["features"]
    assert {feature["name"]: feature["expected"] for feature in features}["area"] == "a number, or text such as 1.234,5"
    document = client.get("/openapi.json").get_json()
    schema = document["components"]["schemas"]["native.europe.1.request"]
    validator = Draft202012Validator(schema | {"components": document["components"]})
    for row in ANSWERS["instances"]:
        validator.validate({"instances": [row]})
        validator.validate({"instances": [[*row.values()]]})
    assert not validator.is_valid({"instances": [ROW | {"area": True}]})
    assert not validator.is_valid({"instances": [ROW | {"open": "1"}]})
