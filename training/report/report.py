"""The report of a training run as one HTML page: metrics, training setup, plots, and the worst errors."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from sklearn import metrics

from training.config import Config
from training.data.dataset import DataSet
from training.evaluation.confidence import Interval
from training.evaluation.importance import importance
from training.evaluation.scores import EvaluationResult, format_metric
from training.fitting.fit import FittedModel
from training.report import plots

MAX_ERROR_IMAGES, MAX_ERROR_ROWS = 24, 12
MAX_CELLS = 12  # of a row in the table of errors


@dataclass(frozen=True)
class TrainingRun:
    """Settings, data, fitted model and test results of a finished run: the content of its report."""

    config: Config
    data: DataSet
    warnings: list[str]
    fitted: FittedModel
    result: EvaluationResult
    scores: dict[str, float]
    intervals: dict[str, Interval]
    provenance: dict[str, Any]


@mpl.rc_context(plots.STYLE)
def render(name: str, run: TrainingRun) -> str:
    """Return the page for the model `name` with embedded plots; the template reads the other content from the run."""
    loader = PackageLoader("training.report", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report.html").render(
        name=name,
        run=run,
        format_metric=format_metric,
        written=datetime.now(UTC),
        kinds=Counter(column.kind for column in run.data.features.columns),
        curves=plots.learning_curves(run.fitted),
        importance=plots.importances(importance(run.fitted.model, run.data), run.data.image),
        **(_classification(run) if run.data.targets.task == "classification" else _regression(run)),
    )


def _classification(run: TrainingRun) -> dict[str, Any]:
    """Return the sections of a classification; a metric of a class that would divide by zero is NaN."""
    labels = run.data.targets.labels
    true, predicted, classes = run.result.targets, run.result.outputs.argmax(axis=1), range(len(labels))
    scores = metrics.precision_recall_fscore_support(true, predicted, labels=classes, zero_division=np.nan)
    return {
        "class_scores": zip(labels, *scores, strict=True),
        "confusion": plots.confusion_matrix(metrics.confusion_matrix(true, predicted, labels=classes), labels),
        "calibration": plots.calibration_curve(run.result),
        "errors": _confident_errors(run),
    }


def _confident_errors(run: TrainingRun) -> dict[str, Any]:
    """Return the errors with the highest confidence, as images or as rows of cells."""
    result, labels = run.result, run.data.targets.labels
    wrong = np.flatnonzero(~result.correct)
    limit = MAX_ERROR_ROWS if run.data.image is None else MAX_ERROR_IMAGES
    worst = wrong[np.argsort(-result.outputs[wrong].max(axis=1), kind="stable")][:limit]
    errors = [
        {"true": labels[true], "predicted": labels[outputs.argmax()], "probability": float(outputs.max())}
        for true, outputs in zip(result.targets[worst].tolist(), result.outputs[worst], strict=True)
    ]
    if run.data.image is None or not errors:
        return _add_cells(run, worst, errors)
    pixels = run.data.test.take(worst)[0].reshape(-1, *run.data.image)
    captions = [f"{error['true']} → {error['predicted']} ({error['probability']:.2f})" for error in errors]
    return {"count": len(wrong), "plot": plots.images(pixels, captions), "rows": []}


def _regression(run: TrainingRun) -> dict[str, Any]:
    """Return the sections of a regression."""
    result = run.result
    worst = np.argsort(-result.losses, kind="stable")[:MAX_ERROR_ROWS]
    errors: list[dict[str, Any]] = [
        {"true": f"{result.targets[row]:g}", "predicted": f"{result.outputs[row, 0]:g}"} for row in worst
    ]
    return {
        "predicted": plots.predicted_against_true(result),
        "residuals": plots.residuals(result),
        "errors": _add_cells(run, worst, errors),
    }


def _add_cells(run: TrainingRun, rows: NDArray[np.intp], errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Add the first cells of each row with their column names; the cells are in the form that requests have."""
    names = [column.name for column in run.data.features.columns[:MAX_CELLS]]
    for error, cells in zip(errors, run.data.features.to_cells(run.data.test.take(rows)[0]), strict=True):
        error["cells"] = list(zip(names, cells, strict=False))
    return {"plot": None, "rows": errors}
