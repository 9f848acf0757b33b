from pathlib import Path
from typing import Any

import pytest

from nn import Artifact
from store import Publication, publish
from tests.helpers.publications import PROVENANCE, Publish


@pytest.fixture
def publish_one(tmp_path: Path, artifact: Artifact) -> Publish:
    """Return a function that publishes a small model as `iris`, by default with test accuracy 0.9 on 1,000 rows."""

    def publish_it(accuracy: float | None = 0.9, **options: Any) -> Publication:
        metrics = {} if accuracy is None else {"test": {"accuracy": accuracy, "loss": 0.1, "rows": 1000}}
        return publish(tmp_path, "iris", artifact, metrics, PROVENANCE, **options)

    return publish_it
