"""Leaving out of the products what is always zero: the inputs that are 0 in every training row.

The gradient of their weights is 0, so the weights never move, unless something else pulls at them:
weight decay, a regularizer, momentum from other data. Of MNIST's 784 pixels these are 67.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from training.keras.engine.data_adapter import ArraySource, Rows
from training.keras.engine.ops import Affine, Drop, Scale, Step

if TYPE_CHECKING:
    from training.keras.sequential import Sequential

LEAST_SHARE = 1 / 32  # of the inputs; fewer are not worth a copy of the rest
MOST_BYTES = 2**29  # of the copy


@contextmanager
def narrowed(model: "Sequential", rows: Rows) -> Iterator[Rows]:
    """Train on the live inputs alone: yield their rows, while the weights of the others rest."""
    source = rows.source
    live = _live(model, source.array) if isinstance(source, ArraySource) else None
    if live is None or not isinstance(source, ArraySource):
        yield rows
        return
    optimizer, parameters = model.optimizer, model.parameters
    parameters.narrow(live)
    optimizer.slots = [parameters.without_resting(slot) for slot in optimizer.slots]
    try:
        yield replace(rows, source=ArraySource(source.array.take(live, axis=1)))
    finally:
        optimizer.slots = [parameters.with_resting(slot) for slot in optimizer.slots]
        parameters.widen()


def _live(model: "Sequential", array: npt.NDArray[Any]) -> npt.NDArray[np.intp] | None:
    """Return the numbers of the inputs that are not always zero, or None where all have to be trained."""
    if isinstance(array, np.memmap) or array.nbytes > MOST_BYTES or model.optimizer.weight_decay:
        return None
    before, first = model.steps[: model.first_trained], model.steps[model.first_trained : model.first_trained + 1]
    if not (first and isinstance(first[0], Affine) and all(map(_keeps_zero, before))):
        return None
    kernel = first[0].kernel
    live = array.any(axis=0)
    resting = np.repeat(~live, kernel.shape[1])
    pulled = any(slot[: len(resting)][resting].any() for slot in model.optimizer.slots)
    if pulled or (~live).mean() < LEAST_SHARE or any(parameter is kernel for parameter, _ in model.regularized):
        return None
    return np.flatnonzero(live)


def _keeps_zero(step: Step) -> bool:
    return isinstance(step, Drop) or (isinstance(step, Scale) and np.ndim(step.scale) == 0 and step.offset == 0)
