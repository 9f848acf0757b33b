"""The fit loop: epochs of shuffled mini-batches, the figures they give, and who is told."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from nn.activations import Array
from training.keras.callbacks import Callbacks
from training.keras.engine.data_adapter import Batch, Rows
from training.keras.metrics import Mean, Metric

if TYPE_CHECKING:
    from training.keras.sequential import Sequential

# Rows a pass when nothing is learned from them: few enough to stay in the cache.
EVALUATION_ROWS = 1024
GATHERED_BATCHES = 64
# Multiplications of one product from which on a second BLAS thread gains more than waiting for it costs.
LARGE_PRODUCT = 2**24


class Figures(Mapping[str, float]):
    """The loss and the metrics of a model over the rows seen so far, computed when they are looked at.

    `diverged_at` is the number of the first batch whose loss is infinite or NaN, known when it is gathered.
    """

    def __init__(self, model: "Sequential", y: npt.NDArray[Any]) -> None:
        self._loss, self._metrics = Mean(), model.new_metrics(y)
        self._figures: dict[str, Metric] = dict(sorted({"loss": self._loss, **self._metrics}.items()))
        self._waiting: list[tuple[Array, Array, Batch]] = []
        self._gathered = 0
        self.diverged_at: int | None = None

    def update(self, losses: Array, penalty: float, batch: Batch, outputs: Array) -> None:
        """Take a batch: its losses (B,), what is added to their mean, and the outputs (B, C)."""
        # Many small batches are gathered faster together.
        self._waiting.append((losses + penalty if penalty else losses, outputs.copy(), batch))
        if len(self._waiting) == GATHERED_BATCHES:
            self._gather()

    def _gather(self) -> None:
        if not self._waiting:
            return
        losses, outputs = (np.concatenate(parts) for parts in list(zip(*self._waiting, strict=True))[:2])
        batches = [batch for _, _, batch in self._waiting]
        y = np.concatenate([batch.y for batch in batches])
        total = float(losses.sum(dtype=np.float64))
        if self.diverged_at is None and not np.isfinite(total):
            bad = (number for number, (part, _, _) in enumerate(self._waiting) if not np.isfinite(part).all())
            self.diverged_at = self._gathered + next(bad, 0)
        self._gathered += len(batches)
        self._waiting = []
        self._loss.add(total, len(losses))
        for metric in self._metrics.values():
            metric.update(y, outputs)

    def __getitem__(self, name: str) -> float:
        self._gather()
        return self._figures[name].result()

    def __iter__(self) -> Iterator[str]:
        return iter(self._figures)

    def __len__(self) -> int:
        return len(self._figures)


# A diverging run overflows; whoever trains looks at the loss.
@np.errstate(over="ignore", invalid="ignore")
def fit(
    model: "Sequential",
    rows: Rows,
    validation: Rows | None,
    *,
    batch_size: int,
    epochs: int,
    steps: int,
    shuffle: bool,
    validation_freq: int,
    callbacks: Callbacks,
) -> None:
    """Train the model up to epoch number `epochs`; every callback is told of every batch and epoch."""
    with threadpool_limits(_threads(model, batch_size), user_api="blas"):
        logs: dict[str, float] | None = {}
        callbacks.tell("on_train_begin", {})
        while model.next_epoch < epochs and not model.stop_training:
            epoch = model.next_epoch
            callbacks.tell("on_epoch_begin", epoch, {})
            logs = _train_epoch(model, rows, batch_size, steps, shuffle, callbacks)
            if logs is None:
                break
            if validation is not None and (epoch + 1) % validation_freq == 0:
                logs |= {f"val_{name}": value for name, value in evaluate(model, validation, callbacks).items()}
            model.next_epoch += 1
            callbacks.tell("on_epoch_end", epoch, logs)
        callbacks.tell("on_train_end", logs or {})


def _train_epoch(
    model: "Sequential", rows: Rows, batch_size: int, steps: int, shuffle: bool, callbacks: Callbacks
) -> dict[str, float] | None:
    """Take the steps of an epoch; return its figures, or None where it was interrupted."""
    model.restart_generators()
    order = model.remaining
    if not len(order):
        order = model.rng.permutation(len(rows)) if shuffle else np.arange(len(rows))
    order, model.remaining = np.split(order, [steps * batch_size])
    figures = Figures(model, rows.y)
    for number, batch in enumerate(rows.batches(batch_size, order, model.dtype)):
        for tell in callbacks.batch_begin:
            tell(number, {})
        train_on_batch(model, batch, figures)
        for tell in callbacks.batch_end:
            tell(number, figures)
        if model.interrupted:
            return None
        if model.stop_training:
            break
    return dict(figures)


def train_on_batch(model: "Sequential", batch: Batch, figures: Figures) -> None:
    """Go forward, go back, take a step."""
    z = batch.x
    for step in model.training_steps:
        z = step.forward(z, training=True)
    losses, outputs = model.loss.forward(batch.y, z)
    if batch.weights is not None:
        losses = losses * batch.weights
    figures.update(losses, model.penalty(), batch, outputs)
    g = model.loss.gradient(batch.y)
    g *= 1 / len(g) if batch.weights is None else batch.weights[:, None] / len(g)
    for step in model.backward_steps:
        g = step.backward(g)
    for parameter, regularizer in model.regularized:
        regularizer.add_gradient(parameter.values, parameter.gradient)
    model.optimizer.apply(model.parameters)


@np.errstate(over="ignore", invalid="ignore")
def evaluate(model: "Sequential", rows: Rows, callbacks: Callbacks) -> dict[str, float]:
    """Return the figures over all rows; nothing is learned from them."""
    callbacks.tell("on_test_begin", {})
    figures = Figures(model, rows.y)
    penalty = model.penalty()
    for number, batch in enumerate(rows.batches(EVALUATION_ROWS, np.arange(len(rows)), model.dtype)):
        for tell in callbacks.test_batch_begin:
            tell(number, {})
        z = batch.x
        for step in model.training_steps:
            z = step.forward(z, training=False)
        losses, outputs = model.loss.forward(batch.y, z)
        figures.update(losses if batch.weights is None else losses * batch.weights, penalty, batch, outputs)
        for tell in callbacks.test_batch_end:
            tell(number, figures)
    result = dict(figures)
    callbacks.tell("on_test_end", result)
    return result


def _threads(model: "Sequential", batch_size: int) -> int | None:
    """Return how many BLAS threads are worth it; None is as many as there are."""
    largest = max((parameter.values.size for parameter in model.parameters.tensors), default=0)
    return 1 if largest * batch_size < LARGE_PRODUCT else None
