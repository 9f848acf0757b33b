"""Waits until a running service serves a new version, and checks its prediction for a golden row."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests

from store import Publication, read_version
from training.errors import TrainingError

POLL_INTERVAL = 0.2  # seconds
REQUEST_TIMEOUT = 5.0  # seconds


def check_url(url: str) -> None:
    """Raise TrainingError for an invalid URL; called before training."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise TrainingError(f"--wait-for {url}: expected the URL of the service, such as http://localhost:8000")


def wait_for(url: str, publication: Publication, models: Path, seconds: float) -> float:
    """Poll until the service serves the version correctly; return the seconds waited.

    Raises TrainingError on a timeout or a wrong prediction.
    """
    began = time.monotonic()
    url = url.rstrip("/")
    model_url = f"{url}/models/{publication.name}"
    state: str | None = "no request was sent"
    while (waited := time.monotonic() - began) < seconds:
        state = _wrong_alias(model_url, publication) or _wrong_prediction(model_url, publication, models)
        if state is None:
            return waited
        time.sleep(POLL_INTERVAL)
    version = f"{publication.name} {publication.version}"
    raise TrainingError(
        f"{url} did not serve {version} within {seconds:g} seconds: {state}. The version remains published"
    )


def _wrong_alias(model_url: str, publication: Publication) -> str | None:
    """Return the reason why the service does not serve the version under its alias yet, or None if it does."""
    try:
        response = requests.get(model_url, timeout=REQUEST_TIMEOUT)
        description = response.json()
        if not response.ok:
            return f"it responds with {description.get('error', response.status_code)!r}"
        number = description["aliases"].get(publication.alias)
    except (requests.RequestException, ValueError, KeyError, AttributeError, TypeError) as error:
        return f"no npserve service responds there ({type(error).__name__})"
    return None if number == publication.version else f"its {publication.alias} version is {number}"


def _wrong_prediction(model_url: str, publication: Publication, models: Path) -> str | None:
    """Send a golden row; return the reason why a worker does not serve the version yet, or None.

    Raises TrainingError for a failed request or a wrong prediction.
    """
    url = f"{model_url}/aliases/{publication.alias}/predict"
    artifact = read_version(models, publication.name, publication.version).artifact
    row = artifact.golden.rows[0]
    expected = artifact.model.network.activate(artifact.golden.logits[:1].copy())[0]
    try:
        response = requests.post(url, json={"instances": [row]}, timeout=REQUEST_TIMEOUT)
        body: dict[str, Any] = response.json()
        if response.status_code in (404, 503) or body["version"] != publication.version:
            return f"one of its workers responds with {body.get('error', 'another version')}"
        outputs = np.ravel(body["probabilities"] if artifact.model.labels else body["predictions"])
        equal = np.allclose(outputs, expected, rtol=1e-4, atol=1e-6)
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{url} fails for a golden row: {error}") from error
    if not equal:
        raise TrainingError(f"{url} returns {body} for a golden row; expected {expected.tolist()}")
    return None
