"""Metrics of a model on held-out rows: one pass over the rows, then the metrics."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nn import Model

ECE_BINS = 15


@dataclass(frozen=True)
class EvaluationResult:
    """The outputs of a model (N, C), the loss of each row (N,) and the targets (N,)."""

    outputs: NDArray[np.float32]
    losses: NDArray[np.float64]
    targets: NDArray[Any]

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the most probable class of each row is the true class (N,)."""
        return np.asarray(self.outputs.argmax(axis=1) == self.targets)

    def take(self, rows: NDArray[np.intp]) -> Self:
        """Return the result for these rows, which may repeat."""
        return type(self)(self.outputs[rows], self.losses[rows], self.targets[rows])

    @classmethod
    def concatenate(cls, results: Iterable[Self]) -> Self:
        """Return the result of the rows of several results, one after the other."""
        parts = zip(*((result.outputs, result.losses, result.targets) for result in results), strict=True)
        return cls(*map(np.concatenate, parts))

    def scores(self, task: str) -> dict[str, float]:
        """Return the metrics for the manifest: accuracy, loss and calibration error, or r², mae and rmse."""
        return _classification(self) if task == "classification" else _regression(self)


def evaluate_model(model: Model, chunks: Iterable[tuple[NDArray[Any], NDArray[Any]]]) -> EvaluationResult:
    """Run a model on chunks of codes (B, K) and targets (B,)."""
    return EvaluationResult.concatenate(_evaluate_chunk(model, codes, y) for codes, y in chunks)


def _evaluate_chunk(model: Model, codes: NDArray[Any], y: NDArray[Any]) -> EvaluationResult:
    logits = model.logits(codes).astype(np.float64)
    # log softmax(z)_y = z_y - max z - log sum exp(z - max z); the largest probability is exp(0) / sum.
    margin = logits.max(axis=1) - logits[np.arange(len(logits)), y] if model.labels else None
    predicted = model.network.activate(logits)
    losses = np.square(predicted[:, 0] - y) if margin is None else margin - np.log(predicted.max(axis=1))
    return EvaluationResult(predicted.astype(np.float32), losses, y)


def _classification(result: EvaluationResult) -> dict[str, float]:
    """The expected calibration error (ece) is the mean of |accuracy - mean confidence| over 15 bins, weighted by rows.

    Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    correct, confidence = result.correct, result.outputs.max(axis=1)
    gaps = np.bincount(confidence_bins(confidence), correct - confidence.astype(np.float64), ECE_BINS)
    return {
        "accuracy": float(correct.mean()),
        "loss": float(result.losses.mean()),
        "ece": float(np.abs(gaps).sum() / len(correct)),
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


def format_metric(value: float, sign: str = "") -> str:
    """Return a metric rounded to four significant digits, or to a whole number from 10,000 up to 1e15."""
    return f"{value:{sign},.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:{sign}.4g}"


def confidence_bins(confidence: NDArray[Any]) -> NDArray[np.intp]:
    """Return the bin of each confidence (N,), from 0 to ECE_BINS - 1."""
    return np.minimum((confidence * ECE_BINS).astype(np.intp), ECE_BINS - 1)
