"""Leaving inputs that are 0 in every training row out of the products.

The gradient of their weights is 0, so the weights never move, unless something else changes them: weight decay, a
regularizer, momentum from other data. Of MNIST's 784 pixels these are 67.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from training.keras.engine.data_adapter import ArrayDataAdapter, Indices, Samples
from training.keras.engine.model import TrainableModel
from training.keras.engine.ops import DenseOp, DropoutOp, Op, ScaleOp

MIN_ZERO_SHARE = 1 / 32  # of the inputs; fewer are not worth a copy of the rest
MAX_COPY_BYTES = 2**29


@contextmanager
def narrowed(model: TrainableModel, samples: Samples) -> Iterator[Samples]:
    """Train on the live inputs alone: yield their samples, while the weights of the others are frozen."""
    inputs = samples.inputs
    live = _live_inputs(model, inputs.array) if isinstance(inputs, ArrayDataAdapter) else None
    if live is None or not isinstance(inputs, ArrayDataAdapter):
        yield samples
        return
    optimizer, parameters = model.optimizer, model.parameters
    parameters.narrow(live)
    optimizer.slots = [parameters.compress(slot) for slot in optimizer.slots]
    try:
        yield replace(samples, inputs=ArrayDataAdapter(inputs.array.take(live, axis=1)))
    finally:
        optimizer.slots = [parameters.expand(slot) for slot in optimizer.slots]
        parameters.widen()


def _live_inputs(model: TrainableModel, array: npt.NDArray[Any]) -> Indices | None:
    """Return the numbers of the inputs that are not always zero, or None where all have to be trained."""
    if isinstance(array, np.memmap) or array.nbytes > MAX_COPY_BYTES or model.optimizer.weight_decay:
        return None
    number = model.first_trainable
    before, first = model.ops[:number], model.ops[number : number + 1]
    if not (first and isinstance(first[0], DenseOp) and all(map(_keeps_zero, before))):
        return None
    kernel = first[0].kernel
    live = array.any(axis=0)
    frozen = np.repeat(~live, kernel.shape[1])
    has_momentum = any(slot[: len(frozen)][frozen].any() for slot in model.optimizer.slots)
    is_regularized = any(parameter is kernel for parameter, _ in model.regularized)
    if has_momentum or (~live).mean() < MIN_ZERO_SHARE or is_regularized:
        return None
    return np.flatnonzero(live)


def _keeps_zero(op: Op) -> bool:
    return isinstance(op, DropoutOp) or (isinstance(op, ScaleOp) and np.ndim(op.scale) == 0 and op.offset == 0)
