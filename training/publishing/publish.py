"""Publishes a trained model with its metrics, golden rows and provenance."""

import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Artifact, Model
from nn.features import Codes
from nn.model import Label
from nn.numbers import find_nonfinite, read_numbers
from store import publish
from training.data.dataset import Split
from training.errors import TrainingError
from training.evaluation.scores import EvaluationResult, evaluate_model
from training.publishing.golden_rows import choose_golden_rows
from training.publishing.provenance import collect_provenance, sha256_of

ROWS_PER_PASS = 4096


def publish_arrays(
    models: Path,
    name: str,
    model: Model,
    x: npt.NDArray[Any],
    y: npt.NDArray[Any] | None,
    *,
    test: bool,
    with_report: bool = False,
) -> int:
    """Publish a model with golden rows from x (B, I) and, given targets y (B,), metrics on x; return the version.

    The metrics are those of the test set if `test` says that the model was not trained on x, and else `given`.
    """
    width = len(model.features)
    if x.ndim != 2 or x.shape[1] != width or not len(x):
        raise TrainingError(f"x must have the shape (n, {width}) with at least one row, got {x.shape}")
    if x.dtype.kind not in "biuf":
        raise TrainingError(f"x must contain numbers, got {x.dtype}")
    rows = read_numbers(x)
    if find_nonfinite(rows):
        raise TrainingError(
            "x contains NaN, infinity or numbers too large for float32: replace them, or remove these rows"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        if not all(np.isfinite(model.logits(chunk)).all() for chunk, _ in _chunks(rows, rows)):
            raise TrainingError("the model cannot be published: its outputs for x are NaN or infinite")
    result, split = None, "test" if test else "given"
    if y is not None:
        targets = _check_values(y, rows) if model.task == "regression" else _check_classes(y, rows, model)
        result = evaluate_model(model, _chunks(rows, targets))
    source = "data frame" if with_report else "arrays"
    data = {"source": source, "sha256": sha256_of(x) if y is None else sha256_of(x, y)}
    artifact = Artifact(model, choose_golden_rows(model, rows))
    metrics, provenance = {split: result.scores(model.task)} if result else {}, collect_provenance(data)
    files = {"report.html": _report(name, model, rows, result, split, provenance)} if with_report else {}
    return publish(models, name, artifact, metrics, provenance, files=files).version


def _report(
    name: str, model: Model, rows: Codes, result: EvaluationResult | None, split: str, provenance: dict[str, Any]
) -> bytes:
    # Imported here, because their libraries take longer to load than all others.
    from training.evaluation.measure import Evaluation
    from training.report.report import Report, render

    evaluation = None
    if result:
        given = Split(model.features, rows, result.targets, np.arange(len(rows)))
        evaluation = Evaluation.of(result, model.task, given, split, {})
    return render(Report(name, model, evaluation, provenance)).encode()


def class_labels(labels: Collection[Any] | None, classes: int) -> tuple[Label, ...]:
    """Return labels as JSON values; without labels, the class indices."""
    if labels is None:
        return tuple(range(classes))
    if not isinstance(labels, Collection) or isinstance(labels, str | bytes):
        raise TrainingError(f"labels must be a list of {classes} names, one per output, got {type(labels).__name__}")
    if len(labels) != classes:
        raise TrainingError(f"got {len(labels)} labels for a model with {classes} outputs")
    plain = tuple(label.item() if isinstance(label, np.generic) else label for label in labels)
    for number, label in enumerate(plain):
        if not isinstance(label, str | int | float) or label in (math.inf, -math.inf) or label != label:
            raise TrainingError(f"labels[{number}] must be a string, a finite number or a boolean")
    return plain


def _chunks(rows: Codes, y: npt.NDArray[Any]) -> Iterator[tuple[Codes, npt.NDArray[Any]]]:
    for start in range(0, len(rows), ROWS_PER_PASS):
        yield rows[start : start + ROWS_PER_PASS], y[start : start + ROWS_PER_PASS]


def _check_values(y: npt.NDArray[Any], rows: Codes) -> npt.NDArray[np.float64]:
    values = y.ravel()
    if values.shape != (len(rows),) or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise TrainingError(f"y must contain {len(rows)} finite numbers, got {y.dtype} of shape {y.shape}")
    return values.astype(np.float64)


def _check_classes(y: npt.NDArray[Any], rows: Codes, model: Model) -> npt.NDArray[np.intp]:
    classes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] == model.network.outputs > 1 else y.ravel()
    whole = classes.dtype.kind in "biuf" and np.array_equal(classes, np.floor(classes))
    if classes.shape != (len(rows),) or not whole:
        raise TrainingError(f"y must contain {len(rows)} class indices, got {y.dtype} of shape {y.shape}")
    if classes.min() < 0 or classes.max() >= model.network.outputs:
        last = model.network.outputs - 1
        raise TrainingError(f"class indices must be from 0 to {last}, got {classes.min()} to {classes.max()}")
    return classes.astype(np.intp)
