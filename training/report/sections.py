"""The content of the sections of a report: facts, scores by class, the worst errors."""

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from training.report import plots
from training.report.training_run import TrainingRun

MAX_ERROR_IMAGES, MAX_ERROR_ROWS = 24, 12
MAX_CELLS = 12  # of an error that is shown as text


def facts(run: TrainingRun) -> dict[str, str]:
    """Return the facts about data, network and training."""
    layers = run.fitted.model.network.layers
    widths = [layers[0].kernel.shape[0], *(layer.kernel.shape[1] for layer in layers)]
    parameters = sum(layer.kernel.size + layer.bias.size for layer in layers)
    data = run.data
    table = {
        "Data": run.provenance["data"]["source"],
        "Rows": f"{len(data.train):,} to train, {len(data.validation):,} to validate, {len(data.test):,} to test",
        "Network": f"{' → '.join(map(str, widths))}, {run.config.activation}: {parameters:,} parameters",
        "Epochs": f"{len(run.fitted.history.epoch)}, the best was {run.fitted.best_epoch + 1}",
        "Optimizer": f"{run.config.optimizer}, learning rate {run.config.learning_rate:g}, {run.config.schedule}",
    }
    if run.config.target:
        table["Target"] = run.config.target
    if run.fitted.temperature is not None:
        table["Temperature"] = f"{run.fitted.temperature:.3f} (folded into the last layer)"
    if digest := run.provenance["data"].get("sha256"):
        table["SHA-256 of the data"] = digest
    return table


def column_summary(run: TrainingRun) -> str:
    """Return how many columns there are of each kind, and the names of the dropped ones."""
    kinds = Counter(column.kind for column in run.data.features.columns)
    counts = [f"{count} of kind {kind}" for kind, count in kinds.items()]
    dropped = run.data.features.dropped
    return ", ".join(counts) + (f"; dropped: {', '.join(dropped)}" if dropped else "")


def classification(run: TrainingRun) -> dict[str, Any]:
    """Return the sections of a classification."""
    return {
        "class_scores": _class_scores(run),
        "confusion": plots.confusion_matrix(run.confusion, run.data.targets.labels),
        "reliability": plots.reliability(run.result),
        "errors": _confident_errors(run),
    }


def _class_scores(run: TrainingRun) -> list[dict[str, Any]]:
    correct = np.diag(run.confusion)
    true, predicted = run.confusion.sum(axis=1), run.confusion.sum(axis=0)
    return [
        {
            "label": label,
            "rows": int(true[number]),
            "precision": _ratio(correct[number], predicted[number]),
            "recall": _ratio(correct[number], true[number]),
            "f1": _ratio(2 * correct[number], true[number] + predicted[number]),
        }
        for number, label in enumerate(run.data.targets.labels)
    ]


def _ratio(numerator: float, denominator: float) -> float | None:
    return float(numerator / denominator) if denominator else None


def _confident_errors(run: TrainingRun) -> dict[str, Any]:
    """Return the errors of the highest confidence, as images or cell by cell."""
    result, labels = run.result, run.data.targets.labels
    wrong = np.flatnonzero(~result.correct)
    limit = MAX_ERROR_ROWS if run.data.image is None else MAX_ERROR_IMAGES
    worst = wrong[np.argsort(-result.outputs[wrong].max(axis=1), kind="stable")][:limit]
    errors = [
        {"true": labels[true], "predicted": labels[outputs.argmax()], "probability": float(outputs.max())}
        for true, outputs in zip(result.targets[worst].tolist(), result.outputs[worst], strict=True)
    ]
    if run.data.image is None or not errors:
        return _add_cells(run, worst, errors) | {"count": len(wrong)}
    pixels = _test_codes(run, worst).reshape(-1, *run.data.image)
    captions = [f"{error['true']} → {error['predicted']} ({error['probability']:.2f})" for error in errors]
    return {"count": len(wrong), "plot": plots.images(pixels, captions), "rows": []}


def regression(run: TrainingRun) -> dict[str, Any]:
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


def _add_cells(run: TrainingRun, rows: npt.NDArray[np.intp], errors: list[dict[str, Any]]) -> dict[str, Any]:
    """Add the first cells of each erroneous row by name, in the form in which a client sends them."""
    columns = run.data.features.columns[:MAX_CELLS]
    for error, codes in zip(errors, _test_codes(run, rows), strict=True):
        cells = zip(columns, codes[: len(columns)], strict=True)
        error["cells"] = [(column.name, column.to_cell(float(code))) for column, code in cells]
    return {"plot": None, "rows": errors}


def _test_codes(run: TrainingRun, rows: npt.NDArray[np.intp]) -> npt.NDArray[Any]:
    return np.asarray(run.data.test.codes[run.data.test.rows[rows]])
