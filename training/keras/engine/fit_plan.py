"""The plan and the state of a run of `fit`: training and validation samples, steps, and the current position."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras.callbacks import Callback
from training.keras.checks import check_count, check_positive_integer, invalid_argument
from training.keras.engine.arguments import ClassWeight, as_array, read_samples
from training.keras.engine.batch_stream import BatchStream, as_stream, makes_batches
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.data_adapter import ArrayDataAdapter, Batch, Indices, Samples

# Warnings of this module refer to the line that calls `fit`, which calls these functions.
STACK_LEVEL = 3


@dataclass(frozen=True)
class FitPlan:
    """The data and settings of a run; `steps` is the maximum number of batches in an epoch, or None without a limit."""

    samples: Samples | BatchStream
    validation: Samples | None
    batch_size: int
    epochs: int
    steps: int | None
    shuffle: bool
    validation_freq: int

    def __post_init__(self) -> None:
        check_count("epochs", self.epochs)
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

    def __post_init__(self) -> None:
        check_count("initial_epoch", self.epoch)


def read_any_samples(
    model: CompiledModel, x: Any, y: Any, sample_weight: Any, class_weight: ClassWeight
) -> Samples | BatchStream:
    """Return the samples, or the batches that x makes itself: a generator, or a `Sequence`."""
    stream = as_stream(x, partial(_read_batch, model, class_weight=class_weight))
    if stream is None:
        return read_samples(model, x, y, sample_weight, class_weight)
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise TrainingError(f"`{name}` must not be passed with a {stream.kind}, whose batches contain it")
    return stream


def read_evaluation(model: CompiledModel, x: Any, y: Any, sample_weight: Any, steps: int | None) -> Samples:
    """Return the samples to evaluate; of a generator or a `Sequence`, at most `steps` batches."""
    samples = read_any_samples(model, x, y, sample_weight, None)
    return collect(samples, steps) if isinstance(samples, BatchStream) else samples


def _read_batch(
    model: CompiledModel, x: Any, y: Any, sample_weight: Any = None, *, class_weight: ClassWeight = None
) -> Batch:
    samples = read_samples(model, x, y, sample_weight, class_weight)
    return next(samples.batches(len(samples), np.arange(len(samples)), model.stack.dtype))


def count_steps(steps_per_epoch: int | None, samples: Samples | BatchStream, batch_size: int) -> int | None:
    """Return the number of batches in an epoch, or None if only the end of a generator tells."""
    check_positive_integer("batch_size", batch_size)
    if steps_per_epoch is not None:
        check_positive_integer("steps_per_epoch", steps_per_epoch)
    if isinstance(samples, BatchStream):
        return samples.steps(steps_per_epoch)
    rows = len(samples)
    batches = -(-rows // batch_size)
    if steps_per_epoch is None:
        return batches
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
    if stream := as_stream(data, partial(_read_batch, model)):
        return collect(stream, steps, "validation_steps")
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise TrainingError("`validation_data` must be a tuple (x, y) or (x, y, sample_weight)")
    samples = read_samples(model, *data)
    batch_size = training_batch_size if batch_size is None else batch_size
    check_positive_integer("validation_batch_size", batch_size)
    if steps is None:
        return samples
    check_positive_integer("validation_steps", steps)
    return samples.first(steps * batch_size)


def collect(stream: BatchStream, steps: int | None, name: str = "steps") -> Samples:
    """Return the samples of one epoch of batches, at most `steps`."""
    if steps is not None:
        check_positive_integer(name, steps)
    batches = list(stream.epoch(stream.steps(steps), None))
    weights = [np.ones(len(batch.y), np.float32) if batch.weights is None else batch.weights for batch in batches]
    inputs = ArrayDataAdapter(np.concatenate([batch.x for batch in batches]))
    return Samples(inputs, np.concatenate([batch.y for batch in batches]), np.concatenate(weights))


def train_validation_split(
    x: Any, y: Any, sample_weight: Any, validation_split: float
) -> tuple[tuple[Any, Any, Any], tuple[Any, Any, Any]]:
    """Split the data into training and validation samples: as in Keras, the last samples, before any shuffling."""
    if not 0 < validation_split < 1:
        raise invalid_argument("validation_split", "a number in the range [0, 1)", validation_split)
    if hasattr(x, "gather") or makes_batches(x):
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
