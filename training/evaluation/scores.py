"""Scores of a model on rows that it was not trained on: one pass over the rows, then metrics."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Model

ECE_BINS = 15


@dataclass(frozen=True)
class EvaluationResult:
    """Outputs (N, C) of a model, the loss of each row (N,) and the targets (N,)."""

    outputs: npt.NDArray[np.float32]
    losses: npt.NDArray[np.float64]
    targets: npt.NDArray[Any]

    @property
    def correct(self) -> npt.NDArray[np.bool_]:
        """Whether the most probable class of each row is the true class (N,)."""
        return np.asarray(self.outputs.argmax(axis=1) == self.targets)

    @classmethod
    def concatenate(cls, results: Sequence["EvaluationResult"]) -> "EvaluationResult":
        """Concatenate the results of several chunks."""
        columns = zip(*((result.outputs, result.losses, result.targets) for result in results), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    def take(self, rows: npt.NDArray[np.intp]) -> "EvaluationResult":
        """Return the result of some rows, which may be repeated."""
        return EvaluationResult(self.outputs[rows], self.losses[rows], self.targets[rows])

    def scores(self, task: str) -> dict[str, float]:
        """Return the metrics of the manifest: accuracy, loss and calibration error, or r², mae and rmse."""
        return _classification(self) if task == "classification" else _regression(self)


def evaluate_model(model: Model, chunks: Iterable[tuple[npt.NDArray[Any], npt.NDArray[Any]]]) -> EvaluationResult:
    """Run a model over chunks of codes (B, K) and targets (B,)."""
    return EvaluationResult.concatenate([_evaluate_chunk(model, codes, y) for codes, y in chunks])


def _evaluate_chunk(model: Model, codes: npt.NDArray[Any], y: npt.NDArray[Any]) -> EvaluationResult:
    logits = model.logits(codes).astype(np.float64)
    if model.task == "classification":
        # log softmax(z)_y = z_y - max z - log sum exp(z - max z); the largest probability is exp(0) / sum.
        margin = logits.max(axis=1) - logits[np.arange(len(logits)), y]
        predicted = model.network.activate(logits)
        losses = margin - np.log(predicted.max(axis=1))
    else:
        predicted = model.network.activate(logits)
        losses = np.square(predicted[:, 0] - y)
    return EvaluationResult(predicted.astype(np.float32), losses, y)


def _classification(result: EvaluationResult) -> dict[str, float]:
    correct = result.correct
    return {
        "accuracy": float(correct.mean()),
        "loss": float(result.losses.mean()),
        "ece": calibration_error(result.outputs.max(axis=1), correct),
        "rows": len(correct),
    }


def _regression(result: EvaluationResult) -> dict[str, float]:
    y = result.targets.astype(np.float64)
    error = result.outputs[:, 0] - y
    variance = float(np.square(y - y.mean()).mean())
    return {
        "r2": 1 - float(np.square(error).mean()) / variance if variance else 0.0,
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt(np.square(error).mean())),
        "rows": len(y),
    }


def calibration_error(confidence: npt.NDArray[Any], correct: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error: |accuracy - mean confidence| over 15 equal bins, weighted by rows.

    Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    bins = confidence_bins(confidence)
    gaps = np.bincount(bins, correct - confidence.astype(np.float64), ECE_BINS)
    return float(np.abs(gaps).sum() / len(correct))


def confidence_bins(confidence: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Return the number of the bin of each confidence (N,), from 0 to ECE_BINS - 1."""
    return np.minimum((confidence * ECE_BINS).astype(np.intp), ECE_BINS - 1)
