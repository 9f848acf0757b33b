"""The plan and the state of a run of `fit`: training and validation samples, steps, and the current position."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.callbacks import Callback
from training.keras.checks import check_positive_integer, invalid_argument
from training.keras.engine.arguments import as_array, read_samples
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.data_adapter import Indices, Samples

# Warnings of this module refer to the line that calls `fit`, which calls these functions.
STACK_LEVEL = 3


@dataclass(frozen=True)
class FitPlan:
    """The data and settings of a run; `steps` is the maximum number of batches in an epoch."""

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
class FitState:
    """The position of a run. Together with the checkpoint of the model it determines the next epoch.

    `stop` and `interrupted` both end the run after the current batch. With `stop`, the epoch counts as complete: it is
    validated and recorded. With `interrupted`, it is discarded.
    """

    epoch: int = 0  # the current epoch, starting at 0; after its end, the next one
    callbacks: Sequence[Callback] = ()
    remaining_rows: Indices = field(default_factory=lambda: np.empty(0, np.intp))  # of the current pass over the data
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
            f"`steps_per_epoch={steps_per_epoch}` exceeds the {batches} batches of size {batch_size} in {rows} samples:"
            f" each epoch ends after {batches} steps",
            stacklevel=STACK_LEVEL,
        )
    return min(steps_per_epoch, batches)


def read_validation(
    model: CompiledModel, data: Any, steps: int | None, batch_size: int | None, training_batch_size: int
) -> Samples | None:
    """Return the validation samples, limited to `steps` batches if given."""
    if data is None:
        return None
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise TrainingError("`validation_data` must be a tuple (x, y) or (x, y, sample_weight)")
    samples = read_samples(model, *data)
    batch_size = training_batch_size if batch_size is None else batch_size
    check_positive_integer("validation_batch_size", batch_size)
    if steps is None:
        return samples
    check_positive_integer("validation_steps", steps)
    return samples.first(steps * batch_size)


def train_validation_split(
    x: Any, y: Any, sample_weight: Any, validation_split: float
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Split the data into training and validation samples: as in Keras, the last samples, before any shuffling."""
    if not 0 < validation_split < 1:
        raise invalid_argument("validation_split", "a number in the range [0, 1)", validation_split)
    if hasattr(x, "gather"):
        raise TrainingError("`validation_split` is only supported for arrays. Pass `validation_data` instead.")
    x, y = as_array("x", x), as_array("y", y)
    kept = int(np.floor(len(x) * (1 - validation_split)))
    if kept in (0, len(x)):
        raise TrainingError(
            f"Training data contains {len(x)} samples, which is not sufficient to split it into a validation and"
            f" training set as specified by `validation_split={validation_split}`. Either provide more data, or a"
            " different value for the `validation_split` argument."
        )
    if y.ndim == 1 and y[0] != y[-1] and (y[:-1] <= y[1:]).all():
        warnings.warn(
            "`validation_split` selects the last samples, but `y` is sorted: shuffle `x` and `y` before `fit()`",
            stacklevel=STACK_LEVEL,
        )
    all_weights = None if sample_weight is None else np.asarray(sample_weight)  # a Series would be cut by its labels
    weights = (None, None) if all_weights is None else (all_weights[:kept], all_weights[kept:])
    return (x[:kept], y[:kept], weights[0]), (x[kept:], y[kept:], weights[1])
