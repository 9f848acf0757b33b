"""Formats are frozen: published versions of each kind must load, and predict the recorded outputs, in all releases.

`europe` is of format 2, the others of format 1.
"""

import csv
import io
import json
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import artifact
from service.app import create_app
from service.settings import Settings
from training.files.table import ReadOptions
from training.scoring.predict_file import predict_file

STORE = Path(__file__).with_name("artifacts")
ANSWERS: dict[str, dict[str, Any]] = json.loads((STORE / "answers.json").read_text())


@pytest.mark.parametrize("name", ANSWERS)
def test_a_published_version_predicts_the_recorded_outputs(name: str) -> None:
    expected = ANSWERS[name]
    client = create_app(Settings(models=STORE)).test_client()
    response = client.post(f"/models/{name}/predict", json={"instances": expected["instances"]})
    assert response.status_code == 200, response.text
    body = response.get_json()
    if "probabilities" in expected:
        assert body["predictions"] == expected["predictions"]
        np.testing.assert_allclose(body["probabilities"], expected["probabilities"], rtol=0, atol=1e-5)
    else:
        np.testing.assert_allclose(body["predictions"], expected["predictions"], rtol=1e-5)


def test_a_text_file_is_read_as_requests_are(tmp_path: Path) -> None:
    instances, predictions = ANSWERS["europe"]["instances"], ANSWERS["europe"]["predictions"]
    assert predictions[0] == predictions[1]  # the same row as text, and with the types of JSON
    is_text = [isinstance(row["area"], str) for row in instances]
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        csv.writer(file, delimiter=";").writerows(
            [instances[0], *(row.values() for row in compress(instances, is_text))]
        )
    model = artifact.load(STORE / "europe/1/model.npz").model
    predict_file(model, tmp_path / "rows.csv", tmp_path / "predicted.csv", ReadOptions())
    with (tmp_path / "predicted.csv").open(newline="") as file:
        predicted = [float(row["prediction"]) for row in csv.DictReader(file)]
    np.testing.assert_allclose(predicted, [*compress(predictions, is_text)], rtol=1e-5)


@pytest.mark.parametrize("name", ANSWERS)
def test_the_current_code_writes_the_same_format(name: str) -> None:
    path = STORE / name / "1" / "model.npz"
    with np.load(path) as before, np.load(io.BytesIO(artifact.to_bytes(artifact.load(path)))) as now:
        assert sorted(now) == sorted(before)
        for member in before:
            np.testing.assert_array_equal(now[member], before[member], strict=True)
