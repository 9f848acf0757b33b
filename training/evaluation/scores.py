"""How good a model is on rows that it did not learn from: one pass over them, then figures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Model

ECE_BINS = 15

Targets = npt.NDArray[Any]


@dataclass(frozen=True)
class Outcome:
    """Outputs (N, C) of a model, the loss of each row (N,) and the targets (N,)."""

    outputs: npt.NDArray[np.float32]
    losses: npt.NDArray[np.float64]
    targets: Targets

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the most probable class of each row is its own (N,)."""
        return np.asarray(self.outputs.argmax(axis=1) == self.targets)

    @classmethod
    def join(cls, parts: Sequence["Outcome"]) -> "Outcome":
        """Put the outcomes of some chunks together."""
        columns = zip(*((part.outputs, part.losses, part.targets) for part in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))

    def take(self, rows: npt.NDArray[np.intp]) -> "Outcome":
        """Return the outcome of some rows, which may be repeated."""
        return Outcome(self.outputs[rows], self.losses[rows], self.targets[rows])

    def metrics(self, task: str) -> dict[str, float]:
        """Return what the manifest keeps: accuracy, loss and calibration, or r², mae and rmse."""
        return _classification(self) if task == "classification" else _regression(self)


def predict(model: Model, chunks: Iterable[tuple[npt.NDArray[Any], Targets]]) -> Outcome:
    """Run a model over chunks of codes (B, K) and targets (B,)."""
    return Outcome.join([_predict(model, codes, y) for codes, y in chunks])


def _predict(model: Model, codes: npt.NDArray[Any], y: Targets) -> Outcome:
    logits = model.logits(codes).astype(np.float64)
    if model.task == "classification":
        # log softmax(z)_y = z_y - max z - log sum exp(z - max z); the largest probability is exp(0) / sum.
        margin = logits.max(axis=1) - logits[np.arange(len(logits)), y]
        predicted = model.network.activate(logits)
        losses = margin - np.log(predicted.max(axis=1))
    else:
        predicted = model.network.activate(logits)
        losses = np.square(predicted[:, 0] - y)
    return Outcome(predicted.astype(np.float32), losses, y)


def _classification(outcome: Outcome) -> dict[str, float]:
    right = outcome.right
    return {
        "accuracy": float(right.mean()),
        "loss": float(outcome.losses.mean()),
        "ece": calibration_error(outcome.outputs.max(axis=1), right),
        "rows": len(right),
    }


def _regression(outcome: Outcome) -> dict[str, float]:
    y = outcome.targets.astype(np.float64)
    error = outcome.outputs[:, 0] - y
    spread = float(np.square(y - y.mean()).mean())
    return {
        "r2": 1 - float(np.square(error).mean()) / spread if spread else 0.0,
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt(np.square(error).mean())),
        "rows": len(y),
    }


def calibration_error(confidence: npt.NDArray[Any], right: npt.NDArray[np.bool_]) -> float:
    """Return the expected calibration error: |share right - mean confidence| over 15 equal bins, weighed by rows.

    Guo et al. 2017, "On Calibration of Modern Neural Networks".
    """
    places = np.minimum((confidence * ECE_BINS).astype(np.intp), ECE_BINS - 1)
    gaps = np.bincount(places, right - confidence.astype(np.float64), ECE_BINS)
    return float(np.abs(gaps).sum() / len(right))
