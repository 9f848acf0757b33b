"""What a run of fit does, and where it is: samples to train and validate with, their division into steps, its state."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.callbacks import Callback
from training.keras.checks import check_positive_integer
from training.keras.engine.arguments import read_samples
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.data_adapter import Indices, Samples

# Warnings of this module name the line that calls `fit`, which calls these functions.
STACK_LEVEL = 3


@dataclass(frozen=True)
class FitPlan:
    """`steps` is the number of batches in an epoch, at most."""

    samples: Samples
    validation: Samples | None
    batch_size: int
    epochs: int
    steps: int
    shuffle: bool
    validation_freq: int

    def __post_init__(self) -> None:
        check_positive_integer("validation_freq", self.validation_freq)


@dataclass
class TrainingState:
    """Together with weights, optimizer and random generators, all that the next epoch depends on.

    `stop` ends the run after the current batch, and its epoch counts; `interrupted` ends it after the current batch,
    and its epoch does not count.
    """

    epoch: int = 0  # the number of the current one, from 0; once it is complete, of the next one
    callbacks: Sequence[Callback] = ()
    remaining_rows: Indices = field(default_factory=lambda: np.empty(0, np.intp))  # of this pass over the data
    stop: bool = False
    interrupted: bool = False


def count_steps(steps_per_epoch: int | None, rows: int, batch_size: int) -> int:
    """Return the number of batches in an epoch."""
    check_positive_integer("batch_size", batch_size)
    batches = -(-rows // batch_size)
    if steps_per_epoch is None:
        return batches
    check_positive_integer("steps_per_epoch", steps_per_epoch)
    if steps_per_epoch > batches:
        warnings.warn(
            f"an epoch ends after {batches} steps, not steps_per_epoch={steps_per_epoch}: {rows} rows make no more"
            f" batches of {batch_size}",
            stacklevel=STACK_LEVEL,
        )
    return min(steps_per_epoch, batches)


def read_validation(
    model: CompiledModel, data: Any, steps: int | None, batch_size: int | None, training_batch_size: int
) -> Samples | None:
    """Return the samples to validate with: `steps` batches of them where that is less than all."""
    if data is None:
        return None
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise TrainingError("validation_data takes (x, y) or (x, y, sample_weight)")
    samples = read_samples(model, *data)
    batch_size = training_batch_size if batch_size is None else batch_size
    check_positive_integer("validation_batch_size", batch_size)
    if steps is None:
        return samples
    check_positive_integer("validation_steps", steps)
    return samples.first(steps * batch_size)


def split_off(x: Any, y: Any, sample_weight: Any, share: float) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Split off the last rows to validate with, before any shuffling, as Keras does."""
    if not 0 < share < 1:
        raise TrainingError(f"validation_split must be a number from 0 to below 1, got {share}")
    if hasattr(x, "gather"):
        raise TrainingError("`validation_split` is only supported for arrays: give validation_data")
    x, y = np.asarray(x), np.asarray(y)
    kept = int(np.floor(len(x) * (1 - share)))
    if kept in (0, len(x)):
        raise TrainingError(
            f"Training data contains {len(x)} samples, which is not sufficient to split it into a validation and"
            f" training set as specified by `validation_split={share}`. Either provide more data, or a different"
            " value for the `validation_split` argument."
        )
    if y.ndim == 1 and y[0] != y[-1] and (y[:-1] <= y[1:]).all():
        warnings.warn(
            "validation_split takes the last rows, and y is sorted: shuffle x and y together before fit()",
            stacklevel=STACK_LEVEL,
        )
    weights = (None, None) if sample_weight is None else (sample_weight[:kept], sample_weight[kept:])
    return (x[:kept], y[:kept], weights[0]), (x[kept:], y[kept:], weights[1])
