"""Format 1 is frozen: published versions of each kind must load, and predict the recorded outputs, in all releases."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import artifact
from service.app import create_app
from service.settings import Settings

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


@pytest.mark.parametrize("name", ANSWERS)
def test_the_current_code_writes_the_same_format(name: str) -> None:
    path = STORE / name / "1" / "model.npz"
    with np.load(path) as before, np.load(io.BytesIO(artifact.to_bytes(artifact.load(path)))) as now:
        assert sorted(now) == sorted(before)
        for member in before:
            np.testing.assert_array_equal(now[member], before[member], strict=True)
