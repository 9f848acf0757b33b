"""How good a model is on rows that it did not learn from: one pass over them, then figures."""

from collections.abc import Iterable
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

    def metrics(self, task: str) -> dict[str, float]:
        """Return what the manifest keeps: accuracy, loss and calibration, or r², mae and rmse."""
        return _classification(self) if task == "classification" else _regression(self)


def predict(model: Model, chunks: Iterable[tuple[npt.NDArray[Any], Targets]]) -> Outcome:
    """Run a model over chunks of codes (B, K) and targets (B,)."""
    outputs, losses, targets = [], [], []
    for codes, y in chunks:
        logits = model.logits(codes).astype(np.float64)
        if model.task == "classification":
            # log softmax(z)_y = z_y - max z - log sum exp(z - max z); the largest probability is exp(0) / sum.
            margin = logits.max(axis=1) - logits[np.arange(len(logits)), y]
            predicted = model.network.activate(logits)
            losses.append(margin - np.log(predicted.max(axis=1)))
        else:
            predicted = model.network.activate(logits)
            losses.append(np.square(predicted[:, 0] - y))
        outputs.append(predicted.astype(np.float32))
        targets.append(y)
    return Outcome(np.concatenate(outputs), np.concatenate(losses), np.concatenate(targets))


def _classification(outcome: Outcome) -> dict[str, float]:
    right = outcome.outputs.argmax(axis=1) == outcome.targets
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
