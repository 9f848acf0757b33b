"""The report: what was trained on what, how good it is and where it fails, as one page for people."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined

from training.config import Config
from training.data.dataset import DataSet
from training.evaluation.confidence import Interval
from training.evaluation.importance import importance
from training.evaluation.scores import Outcome
from training.fit import Trained
from training.report import plots

MOST_IMAGES, MOST_ROWS = 24, 12  # that are shown of the errors
MOST_CELLS = 12  # of a row that is shown as text


@dataclass(frozen=True)
class Run:
    """All that is known when a run has come to its end."""

    name: str
    config: Config
    data: DataSet
    findings: list[str]
    trained: Trained
    outcome: Outcome
    figures: dict[str, float]
    intervals: dict[str, Interval]
    made: dict[str, Any]

    @property
    def classes(self) -> bool:
        """Whether it is a classification."""
        return self.data.targets.task == "classification"

    @cached_property
    def confusion(self) -> npt.NDArray[np.intp]:
        """How many rows of each class (first axis) were taken for each class."""
        count = len(self.data.targets.labels)
        places = self.outcome.targets * count + self.outcome.outputs.argmax(axis=1)
        return np.bincount(places, minlength=count * count).reshape(count, count)


def render(run: Run) -> str:
    """Return the page, with its pictures inside."""
    environment = Environment(
        loader=PackageLoader("training.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found = importance(run.trained.model, run.data)
    return environment.get_template("report.html").render(
        run=run,
        labels=run.data.targets.labels,
        written=datetime.now(UTC),
        facts=_facts(run),
        columns=_columns(run),
        curves=plots.learning_curves(run.trained.history.history, run.trained.best_epoch),
        importance=plots.importances(found, run.data.image),
        **(_classification(run) if run.classes else _regression(run)),
    )


def _facts(run: Run) -> dict[str, str]:
    """Return what was trained, in words."""
    layers = run.trained.model.network.layers
    widths = [layers[0].kernel.shape[0], *(layer.kernel.shape[1] for layer in layers)]
    parameters = sum(layer.kernel.size + layer.bias.size for layer in layers)
    data = run.data
    facts = {
        "Data": run.made["data"]["source"],
        "Rows": f"{len(data.train):,} to train, {len(data.validation):,} to validate, {len(data.test):,} to test",
        "Network": f"{' → '.join(map(str, widths))}, {run.config.activation}: {parameters:,} parameters",
        "Epochs": f"{len(run.trained.history.epoch)}, the best was {run.trained.best_epoch + 1}",
        "Optimizer": f"{run.config.optimizer}, learning rate {run.config.learning_rate:g}, {run.config.schedule}",
    }
    if run.config.target:
        facts["Target"] = run.config.target
    if run.trained.temperature is not None:
        facts["Temperature"] = f"{run.trained.temperature:.3f} (folded into the last layer)"
    if digest := run.made["data"].get("sha256"):
        facts["SHA-256 of the data"] = digest
    return facts


def _columns(run: Run) -> str:
    kinds = Counter(column.kind for column in run.data.features.columns)
    named = [f"{count} of kind {kind}" for kind, count in kinds.items()]
    dropped = run.data.features.dropped
    return ", ".join(named) + (f"; dropped: {', '.join(dropped)}" if dropped else "")


def _classification(run: Run) -> dict[str, Any]:
    outcome, counts = run.outcome, run.confusion
    right = np.diag(counts)
    true, predicted = counts.sum(axis=1), counts.sum(axis=0)
    scores = [
        {
            "label": label,
            "rows": int(true[number]),
            "precision": _ratio(right[number], predicted[number]),
            "recall": _ratio(right[number], true[number]),
            "f1": _ratio(2 * right[number], true[number] + predicted[number]),
        }
        for number, label in enumerate(run.data.targets.labels)
    ]
    return {
        "scores": scores,
        "confusion": plots.confusion_matrix(counts, run.data.targets.labels),
        "reliability": plots.reliability(outcome),
        "errors": _confident_errors(run),
    }


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None


def _confident_errors(run: Run) -> dict[str, Any]:
    """Return the rows on which the model is surest of a wrong class: as pictures, or cell by cell."""
    outcome, labels = run.outcome, run.data.targets.labels
    wrong = np.flatnonzero(~outcome.right)
    most = MOST_ROWS if run.data.image is None else MOST_IMAGES
    worst = wrong[np.argsort(-outcome.outputs[wrong].max(axis=1), kind="stable")][:most]
    errors = [
        {"true": labels[true], "predicted": labels[outputs.argmax()], "probability": float(outputs.max())}
        for true, outputs in zip(outcome.targets[worst].tolist(), outcome.outputs[worst], strict=True)
    ]
    if run.data.image is None or not errors:
        return _with_cells(run, worst, errors) | {"count": len(wrong)}
    pixels = _test_codes(run, worst).reshape(-1, *run.data.image)
    captions = [f"{error['true']} → {error['predicted']} ({error['probability']:.2f})" for error in errors]
    return {"count": len(wrong), "picture": plots.images(pixels, captions), "rows": []}


def _regression(run: Run) -> dict[str, Any]:
    outcome = run.outcome
    worst = np.argsort(-outcome.losses, kind="stable")[:MOST_ROWS]
    errors: list[dict[str, Any]] = [
        {"true": f"{outcome.targets[row]:g}", "predicted": f"{outcome.outputs[row, 0]:g}"} for row in worst
    ]
    return {
        "predicted": plots.predicted_against_true(outcome),
        "residuals": plots.residuals(outcome),
        "errors": _with_cells(run, worst, errors),
    }


def _with_cells(run: Run, rows: npt.NDArray[np.intp], errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Show errors as rows of a table: the first cells of each by name, as a client would send them."""
    columns = run.data.features.columns[:MOST_CELLS]
    for error, codes in zip(errors, _test_codes(run, rows), strict=True):
        cells = zip(columns, codes[: len(columns)], strict=True)
        error["cells"] = [(column.name, column.to_cell(float(code))) for column, code in cells]
    return {"picture": None, "rows": errors}


def _test_codes(run: Run, rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    return np.asarray(run.data.test.codes[run.data.test.rows[rows]])
