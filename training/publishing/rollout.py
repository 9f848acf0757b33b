"""Waits until a running service serves a new version, and checks its predictions on a golden row."""

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
    """Refuse an invalid URL, before the time for training is spent. Raises TrainingError."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise TrainingError(f"--wait-for {url}: expected the service's URL, such as http://localhost:8000")


def wait_for(url: str, publication: Publication, models: Path, seconds: float) -> float:
    """Return after how many seconds the service serves the version correctly. Raises TrainingError."""
    began = time.monotonic()
    url = url.rstrip("/")
    model_url = f"{url}/models/{publication.name}"
    state: str | None = "nothing was asked yet"
    while (waited := time.monotonic() - began) < seconds:
        state = _wrong_alias(model_url, publication) or _wrong_prediction(model_url, publication, models)
        if state is None:
            return waited
        time.sleep(POLL_INTERVAL)
    version = f"{publication.name} {publication.version}"
    raise TrainingError(f"{url} does not serve {version} after {seconds:g} seconds: {state}; it stays published")


def _wrong_alias(model_url: str, publication: Publication) -> str | None:
    """Return the state of a service that does not have the version under its alias yet; failures are states too."""
    try:
        response = requests.get(model_url, timeout=REQUEST_TIMEOUT)
        description = response.json()
        if not response.ok:
            return f"it says {description.get('error', response.status_code)}"
        number = description["aliases"].get(publication.alias)
    except (requests.RequestException, ValueError, KeyError, AttributeError, TypeError) as error:
        return f"it does not answer as npserve does ({type(error).__name__})"
    return None if number == publication.version else f"its {publication.alias} version is {number}"


def _wrong_prediction(model_url: str, publication: Publication, models: Path) -> str | None:
    """Send a golden row; a worker without the version is a state, a wrong prediction raises TrainingError."""
    url = f"{model_url}/aliases/{publication.alias}/predict"
    artifact = read_version(models, publication.name, publication.version).artifact
    row = artifact.golden.rows[0]
    expected = artifact.model.network.activate(artifact.golden.logits[:1].copy())[0]
    try:
        response = requests.post(url, json={"instances": [row]}, timeout=REQUEST_TIMEOUT)
        body: dict[str, Any] = response.json()
        if response.status_code in (404, 503) or body["version"] != publication.version:
            return f"one of its workers answers {body.get('error', 'with another version')}"
        outputs = np.ravel(body["probabilities"] if artifact.model.labels else body["predictions"])
        equal = np.allclose(outputs, expected, rtol=1e-4, atol=1e-6)
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{url} fails on a golden row: {error}") from error
    if not equal:
        raise TrainingError(f"{url} answers a golden row with {body}, the published file with {expected.tolist()}")
    return None
