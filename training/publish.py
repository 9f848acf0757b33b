"""From a trained model to a published version: its metrics, its golden rows, its provenance."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Artifact, Model
from nn.features import Float32, read_numbers
from nn.model import Label
from store import Publication, publish
from training.errors import TrainingError
from training.golden import choose
from training.provenance import made, sha256_of

ROWS_A_PASS = 4096


def publish_arrays(models: Path, name: str, model: Model, x: npt.NDArray[Any], y: npt.NDArray[Any] | None) -> int:
    """Publish a model with rows x (B, I) and, for its metrics, class numbers y (B,); return the version."""
    width = len(model.features)
    if x.ndim != 2 or x.shape[1] != width or not len(x):
        raise TrainingError(f"expected rows of shape (n, {width}) to publish with, got {x.shape}")
    rows = read_numbers(x)
    if not np.isfinite(rows).all():
        raise TrainingError("the rows to publish with hold NaN, infinity or numbers too large for float32")
    metrics = {} if y is None else {"test": evaluate(model, rows, _classes(y, rows, model))}
    data = {"source": "arrays", "sha256": sha256_of(x) if y is None else sha256_of(x, y)}
    return publish_model(models, name, model, rows, metrics, made(data)).version


def publish_model(
    models: Path,
    name: str,
    model: Model,
    rows: Float32,
    metrics: dict[str, dict[str, float]],
    provenance: dict[str, Any],
    *,
    promote: bool = True,
    force: bool = False,
) -> Publication:
    """Publish a model; the golden rows are chosen from raw rows (B, I) that it may meet."""
    # The same model and rows give the same file, whatever else was random.
    golden = choose(model, rows, np.random.default_rng(0))
    artifact = Artifact(model, golden)
    return publish(models, name, artifact, metrics, provenance, promote=promote, force=force)


def evaluate(model: Model, rows: Float32, y: npt.NDArray[np.intp]) -> dict[str, float]:
    """Return accuracy and mean cross-entropy on raw rows (B, I) with class numbers y (B,)."""
    right, loss = 0, 0.0
    for start in range(0, len(rows), ROWS_A_PASS):
        part = slice(start, start + ROWS_A_PASS)
        logits = model.logits(rows[part]).astype(np.float64)
        right += int(np.count_nonzero(logits.argmax(axis=1) == y[part]))
        margin = logits.max(axis=1) - logits[np.arange(len(logits)), y[part]]
        loss += float((margin - np.log(model.network.activate(logits).max(axis=1))).sum())
    return {"accuracy": right / len(rows), "loss": loss / len(rows), "rows": len(rows)}


def class_labels(labels: Sequence[Any] | None, classes: int) -> tuple[Label, ...]:
    """Return labels as JSON can say them; without any, the classes are numbered."""
    if labels is None:
        return tuple(range(classes))
    if len(labels) != classes:
        raise TrainingError(f"{len(labels)} labels for a model of {classes} outputs")
    return tuple(label.item() if isinstance(label, np.generic) else label for label in labels)


def _classes(y: npt.NDArray[Any], rows: Float32, model: Model) -> npt.NDArray[np.intp]:
    if y.shape != (len(rows),) or not np.issubdtype(y.dtype, np.integer):
        raise TrainingError(f"expected {len(rows)} class numbers to publish with, got {y.dtype} of shape {y.shape}")
    if y.min() < 0 or y.max() >= model.network.outputs:
        raise TrainingError(f"class numbers go from 0 to {model.network.outputs - 1}, got {y.min()} to {y.max()}")
    return y.astype(np.intp)
