"""The report of a version as one HTML page: metrics, training setup, plots, and the worst errors."""

import warnings
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import matplotlib as mpl
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from sklearn import metrics

from nn import Model
from training.evaluation.dependence import partial_dependence
from training.evaluation.importance import Importance, importance
from training.evaluation.measure import Evaluation
from training.evaluation.scores import format_metric
from training.report import outcome_plots, plots
from training.report.plots import Curve
from training.report.two_classes import two_classes

MAX_ERROR_IMAGES, MAX_ERROR_ROWS = 24, 12
MAX_CELLS = 12  # of a row in the table of errors
MAX_DEPENDENCES = 3

Sections = dict[str, Any]


@dataclass(frozen=True)
class Report:
    """The content of a page: a model, its evaluation if there is one, and how it was trained as far as that is known.

    `setup` has titles and texts, `curves` the training histories, in units of `deviation`, and `settings` is TOML.
    """

    name: str
    model: Model
    evaluation: Evaluation | None
    provenance: dict[str, Any]
    target: str | None = None
    image: tuple[int, int] | None = None
    setup: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    deviation: float = 1.0
    settings: str = ""
    first_row: int = 0  # the number of the first row of the data


def render(report: Report) -> str:
    """Return the page with embedded plots; the template reads the other content from the report."""
    with mpl.rc_context(plots.STYLE), warnings.catch_warnings():
        # The browser has the glyphs that Matplotlib's font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        return _render(report)


def _render(report: Report) -> str:
    loader = PackageLoader("training.report", "")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    model, evaluation = report.model, report.evaluation
    curves = plots.learning_curves(report.curves, model.task, report.deviation) if report.curves else []
    return environment.get_template("report.html").render(
        report=report,
        format_metric=format_metric,
        written=datetime.now(UTC),
        kinds=Counter(column.kind for column in model.features.columns),
        curves=curves,
        evaluation=evaluation,
        labels=model.labels,
        bars=plots.MAX_BARS,
        sections=_sections(model, evaluation, report.image) if evaluation else None,
    )


def _sections(model: Model, evaluation: Evaluation, image: tuple[int, int] | None) -> Sections:
    """Return what the page shows of an evaluation."""
    found = importance(model, evaluation.rows, image)
    by_task = _classification(model, evaluation, image) if model.labels else _regression(model, evaluation)
    return by_task | {
        "importance": plots.importances(found, image),
        "all_importances": [] if image else _ranked(found),
        "dependence": [] if image else _dependence(model, evaluation, found),
    }


def _ranked(found: Importance) -> list[tuple[str, float]]:
    """Return all columns with the increase of the loss, the most important first."""
    return [(found.names[j], float(found.rise[j])) for j in np.argsort(-found.rise, kind="stable")]


def _dependence(model: Model, evaluation: Evaluation, found: Importance) -> list[str]:
    order = np.argsort(-found.rise, kind="stable")[:MAX_DEPENDENCES]
    curves = [partial_dependence(model, evaluation.rows, int(j)) for j in order]
    return [plots.dependence(curve, model.labels) for curve in curves if curve]


def _classification(model: Model, evaluation: Evaluation, image: tuple[int, int] | None) -> Sections:
    """Return the sections of a classification; a metric of a class that would divide by zero is NaN."""
    labels, result = model.labels, evaluation.result
    true, predicted, classes = result.targets, result.outputs.argmax(axis=1), range(len(labels))
    scores = metrics.precision_recall_fscore_support(true, predicted, labels=classes, zero_division=np.nan)
    return {
        "class_scores": list(zip(labels, *scores, strict=True)),
        "confusion": outcome_plots.confusion_matrix(metrics.confusion_matrix(true, predicted, labels=classes), labels),
        "calibration": outcome_plots.calibration_curve(result),
        "two_classes": two_classes(result, labels) if len(labels) == 2 else None,
        "errors": _confident_errors(model, evaluation, image),
    }


def _confident_errors(model: Model, evaluation: Evaluation, image: tuple[int, int] | None) -> Sections:
    """Return the errors with the highest confidence, as images or as rows of cells."""
    result, labels = evaluation.result, model.labels
    wrong = np.flatnonzero(~result.correct)
    limit = MAX_ERROR_ROWS if image is None else MAX_ERROR_IMAGES
    worst = wrong[np.argsort(-result.outputs[wrong].max(axis=1), kind="stable")][:limit]
    errors: list[Sections] = [
        {"true": labels[true], "predicted": labels[outputs.argmax()], "probability": float(outputs.max())}
        for true, outputs in zip(result.targets[worst].tolist(), result.outputs[worst], strict=True)
    ]
    if image is None:
        return _add_cells(evaluation, worst, errors)
    pixels = evaluation.rows.take(worst)[0].reshape(-1, *image)
    for error, row, shown in zip(errors, evaluation.rows.file_rows[worst].tolist(), pixels, strict=True):
        error["row"], error["plot"] = row, plots.image(shown)
    return {"count": len(wrong), "images": errors, "rows": []}


def _regression(model: Model, evaluation: Evaluation) -> Sections:
    """Return the sections of a regression."""
    result = evaluation.result
    worst = np.argsort(-result.losses, kind="stable")[:MAX_ERROR_ROWS]
    errors: list[Sections] = [
        {"true": format_metric(float(result.targets[row])), "predicted": format_metric(float(result.outputs[row, 0]))}
        for row in worst
    ]
    return {
        "predicted": outcome_plots.predicted_against_true(result),
        "residuals": outcome_plots.residuals(result),
        "errors": _add_cells(evaluation, worst, errors),
    }


def _add_cells(evaluation: Evaluation, worst: NDArray[np.intp], errors: list[Sections]) -> Sections:
    """Add the number of each row and its first cells with their column names, in the form that requests have."""
    features = evaluation.rows.features
    names = [column.name for column in features.columns[:MAX_CELLS]]
    cells_of = features.to_cells(evaluation.rows.take(worst)[0])
    for error, row, cells in zip(errors, evaluation.rows.file_rows[worst].tolist(), cells_of, strict=True):
        error["row"], error["cells"] = row, list(zip(names, cells, strict=False))
    return {"images": [], "rows": errors}
