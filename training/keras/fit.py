"""The fit loop: epochs of shuffled mini-batches, the figures they give, and who is told."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from nn.activations import Array
from training.keras.callbacks import Callback
from training.keras.metrics import Mean

if TYPE_CHECKING:
    from training.keras.sequential import Sequential

# Rows a pass when nothing is learned from them: few enough to stay in the cache.
EVALUATION_ROWS = 1024


@dataclass(frozen=True)
class Rows:
    """Inputs x (B, I) and class numbers y (B,) that belong together."""

    x: Array
    y: npt.NDArray[np.intp]

    def __len__(self) -> int:
        return len(self.x)

    def batches(self, size: int) -> Iterator["Rows"]:
        """Yield the rows in order."""
        for start in range(0, len(self), size):
            yield Rows(self.x[start : start + size], self.y[start : start + size])

    def shuffled(self, size: int, order: npt.NDArray[np.intp]) -> Iterator["Rows"]:
        """Yield the rows in the given order; a batch is overwritten by the next one."""
        x = np.empty((size, self.x.shape[1]), self.x.dtype)
        for start in range(0, len(order), size):
            index = order[start : start + size]
            # With mode="raise" numpy would fill a buffer of its own first.
            np.take(self.x, index, axis=0, out=x[: len(index)], mode="clip")
            yield Rows(x[: len(index)], self.y[index])


class Figures:
    """The loss and the metrics of a model over the rows seen so far."""

    def __init__(self, model: "Sequential") -> None:
        self._loss = Mean()
        self._metrics = model.new_metrics()

    def update(self, losses: Array, y: npt.NDArray[np.intp], outputs: Array) -> None:
        """Gather a batch: its losses (B,), targets (B,) and outputs (B, C)."""
        self._loss.add(float(losses.sum()), len(y))
        for metric in self._metrics.values():
            metric.update(y, outputs)

    def logs(self, prefix: str = "") -> dict[str, float]:
        """Return the figures by name, sorted as Keras sorts them."""
        figures = {"loss": self._loss} | self._metrics
        return {prefix + name: figures[name].result() for name in sorted(figures)}


def fit(
    model: "Sequential",
    rows: Rows,
    validation: Rows | None,
    *,
    batch_size: int,
    epochs: range,
    shuffle: bool,
    callbacks: Sequence[Callback],
) -> None:
    """Train the model; every callback is told of every batch and epoch."""
    # At these sizes a second BLAS thread costs more in waiting than it computes.
    with threadpool_limits(1, user_api="blas"):
        for callback in callbacks:
            callback.on_train_begin()
        for epoch in epochs:
            for callback in callbacks:
                callback.on_epoch_begin(epoch)
            figures = Figures(model)
            order = model.rng.permutation(len(rows)) if shuffle else np.arange(len(rows))
            for number, batch in enumerate(rows.shuffled(batch_size, order)):
                train_on_batch(model, batch, figures)
                for callback in callbacks:
                    callback.on_train_batch_end(number, figures.logs())
            logs = figures.logs()
            if validation is not None:
                logs |= evaluate(model, validation).logs("val_")
            for callback in callbacks:
                callback.on_epoch_end(epoch, logs)
        for callback in callbacks:
            callback.on_train_end()


def train_on_batch(model: "Sequential", batch: Rows, figures: Figures) -> None:
    """Go forward, go back, take a step."""
    x = batch.x
    for step in model.training_steps:
        x = step.forward(x, training=True)
    losses = model.loss.rows(batch.y, x)
    figures.update(losses, batch.y, x)
    g = model.loss.gradient(batch.y, x)
    for step in reversed(model.training_steps):
        g = step.backward(g)
    model.optimizer.apply(model.parameters.values, model.parameters.gradient)


def evaluate(model: "Sequential", rows: Rows) -> Figures:
    """Gather the figures over all rows without learning from them."""
    figures = Figures(model)
    for batch in rows.batches(EVALUATION_ROWS):
        x = batch.x
        for step in model.training_steps:
            x = step.forward(x, training=False)
        figures.update(model.loss.rows(batch.y, x), batch.y, x)
    return figures
