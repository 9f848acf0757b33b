"""The logs of an epoch or an evaluation in progress."""

from collections.abc import Iterator, Mapping

import numpy as np

from nn.activations import Array
from training.keras.engine.data_adapter import Batch, TargetArray
from training.keras.metrics import Mean, Metric

BATCHES_PER_UPDATE = 64  # small batches are aggregated faster in groups


class RunningMetrics(Mapping[str, float]):
    """A mapping of the loss and the metrics over the samples seen so far; each value is computed when it is read.

    `diverged_at` is the index of the first batch whose loss is infinite or NaN, set when that batch is aggregated.
    """

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._loss, self._metrics = Mean(), metrics
        self._by_name: dict[str, Metric] = dict(sorted({"loss": self._loss, **metrics}.items()))
        self._pending: list[tuple[Array, Array, TargetArray]] = []
        self._aggregated_batches = 0
        self.diverged_at: int | None = None

    def update(self, losses: Array, penalty: float, batch: Batch, outputs: Array) -> None:
        """Add a batch: its losses (B,), the regularization penalty to add to each of them, and its outputs (B, C)."""
        self._pending.append((losses + penalty if penalty else losses, outputs.copy(), batch.y))
        if len(self._pending) == BATCHES_PER_UPDATE:
            self._aggregate()

    def _aggregate(self) -> None:
        if not self._pending:
            return
        losses, outputs, y = (np.concatenate(parts) for parts in zip(*self._pending, strict=True))
        total = float(losses.sum(dtype=np.float64))
        if self.diverged_at is None and not np.isfinite(total):
            bad = (number for number, (part, _, _) in enumerate(self._pending) if not np.isfinite(part).all())
            self.diverged_at = self._aggregated_batches + next(bad, 0)
        self._aggregated_batches += len(self._pending)
        self._pending = []
        self._loss.add(total, len(losses))
        for metric in self._metrics.values():
            metric.update(y, outputs)

    def __getitem__(self, name: str) -> float:
        self._aggregate()
        return self._by_name[name].result()

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)
