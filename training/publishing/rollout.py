"""After publishing: wait until a running service has the new version, and try it there with a golden row."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import requests

from store import Publication, read_version
from training.errors import TrainingError

PAUSE = 0.2  # seconds between two questions
ANSWER = 5.0  # seconds that a service may take for one answer


def check_url(url: str) -> None:
    """Refuse what can't be asked: better known before training than after. Raises TrainingError."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise TrainingError(f"--wait-for {url}: expected the service's URL, such as http://localhost:8000")


def wait_for(url: str, publication: Publication, models: Path, seconds: float) -> float:
    """Return after how many seconds the service has the version and answers as it should. Raises TrainingError."""
    began = time.monotonic()
    url = url.rstrip("/")
    wanted = f"{publication.name} {publication.version}"
    state = "nothing was asked yet"
    while (waited := time.monotonic() - began) < seconds:
        served, state = _served(f"{url}/models/{publication.name}", publication)
        if served:
            served, state = _try(
                f"{url}/models/{publication.name}/aliases/{publication.alias}/predict", publication, models
            )
        if served:
            return waited
        time.sleep(PAUSE)
    raise TrainingError(f"{url} does not serve {wanted} after {seconds:g} seconds: {state}; it stays published")


def _served(url: str, publication: Publication) -> tuple[bool, str]:
    """Ask which version the service has under the alias; what keeps it from answering is told, not raised."""
    try:
        answer = requests.get(url, timeout=ANSWER)
        described = answer.json()
        if not answer.ok:
            return False, f"it says {described.get('error', answer.status_code)}"
        number = described["aliases"].get(publication.alias)
    except (requests.RequestException, ValueError, KeyError, AttributeError, TypeError) as error:
        return False, f"it does not answer as npserve does ({type(error).__name__})"
    return number == publication.version, f"its {publication.alias} version is {number}"


def _try(url: str, publication: Publication, models: Path) -> tuple[bool, str]:
    """Send a golden row: the answer must be that of the published file, once each worker that is asked has it."""
    artifact = read_version(models, publication.name, publication.version).artifact
    row = artifact.golden.rows[0]
    expected = artifact.model.network.activate(artifact.golden.logits[:1].copy())[0]
    try:
        answer = requests.post(url, json={"instances": [row]}, timeout=ANSWER)
        got: dict[str, Any] = answer.json()
        if answer.status_code in (404, 503) or got["version"] != publication.version:
            return False, f"one of its workers answers {got.get('error', 'with another version')}"
        outputs = np.ravel(got["probabilities"] if artifact.model.labels else got["predictions"])
        same = np.allclose(outputs, expected, rtol=1e-4, atol=1e-6)
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise TrainingError(f"{url} fails on a golden row: {error}") from error
    if not same:
        raise TrainingError(f"{url} answers a golden row with {got}, the published file with {expected.tolist()}")
    return True, ""
