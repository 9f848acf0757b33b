"""What people pass to fit, evaluate and predict: checked, and made into rows."""

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from training.errors import TrainingError
from training.keras.checks import check_count
from training.keras.engine.data_adapter import ArraySource, Rows, Source

if TYPE_CHECKING:
    from training.keras.sequential import Sequential

CHUNK_ROWS = 2**14


def as_array(name: str, values: Any) -> npt.NDArray[Any]:
    """Return what was given as an array, or say that its rows differ in length."""
    try:
        return np.asarray(values)
    except ValueError as error:
        raise TrainingError(f"{name} is ragged: its rows have different lengths") from error


def read_source(model: "Sequential", x: Any) -> Source:
    """Return x (B, …) as a source of rows (B, I) that fit the model, which is built where that has not happened."""
    if hasattr(x, "gather"):
        source: Source = x
        if not model.built:
            model.build((None, source.shape[1]))
        if source.shape[1] != model.input_width:
            raise TrainingError(f"expected x of shape (n, {model.input_width}), got {source.shape}")
        return source
    array = as_array("x", x)
    if array.dtype.kind not in "biuf":
        raise TrainingError(f"Unrecognized data type: x holds {array.dtype} values; expected numbers")
    if not model.built:
        model.build((None, *(model.declared_shape or array.shape[1:])))
    if array.shape[1:] != model.input_shape:
        expected = ", ".join(map(str, ("n", *model.input_shape)))
        fits = array.ndim > 1 and np.prod(array.shape[1:]) == model.input_width
        hint = ": did you mean x.reshape(len(x), -1)?" if fits and len(model.input_shape) == 1 else ""
        raise TrainingError(f"expected x of shape ({expected}), got {array.shape}{hint}")
    if not len(array):
        raise TrainingError("x has no rows")
    return ArraySource(array.reshape(len(array), -1))


def read_rows(model: "Sequential", x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> Rows:
    """Return inputs, targets and weights that belong together."""
    if not model.compiled:
        raise TrainingError("You must call `compile()` before using the model.")
    if y is None:
        raise TrainingError("y is missing: give the targets that belong to x")
    source, targets = read_source(model, x), as_array("y", y)
    sizes = {"x": source.shape[0], "y": len(targets) if targets.ndim else 0}
    if sample_weight is not None:
        sizes["sample_weight"] = len(np.atleast_1d(sample_weight))
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"'{name}' sizes: {size}" for name, size in sizes.items())
        raise TrainingError(
            f"Data cardinality is ambiguous. Make sure all arrays contain the same number of samples. {told}"
        )
    if isinstance(source, ArraySource):
        _check_finite(source.array)
    targets = model.loss.check(targets, model.output_width)
    return Rows(source, targets, _read_weights(targets, sample_weight, class_weight))


def _check_finite(array: npt.NDArray[Any]) -> None:
    if array.dtype.kind == "f":
        for start in range(0, len(array), CHUNK_ROWS):
            if not np.isfinite(array[start : start + CHUNK_ROWS]).all():
                raise TrainingError("x holds NaN or infinity, from which nothing can be learned")


def _read_weights(
    y: npt.NDArray[Any], sample_weight: Any, class_weight: Mapping[int, float] | None
) -> npt.NDArray[np.float32] | None:
    if class_weight is not None:
        if sample_weight is not None:
            raise TrainingError("You cannot `class_weight` and `sample_weight` at the same time.")
        classes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.ravel()
        weights: npt.NDArray[np.float32] = np.ones(len(y), np.float32)
        for label, weight in class_weight.items():
            weights[classes == label] = weight
        return weights
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, np.float32)
    if weights.shape == (len(y), 1):
        weights = weights.ravel()
    if weights.ndim != 1 or not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise TrainingError(f"sample_weight takes a finite weight from 0 on for each row, got shape {weights.shape}")
    return weights


def read_steps(steps_per_epoch: int | None, rows: int, batch_size: int) -> int:
    """Return how many batches an epoch takes at most."""
    batches = -(-rows // batch_size)
    if steps_per_epoch is None:
        return batches
    check_count("steps_per_epoch", steps_per_epoch)
    if steps_per_epoch > batches:
        warnings.warn(
            f"an epoch ends after {batches} steps, not steps_per_epoch={steps_per_epoch}: {rows} rows make no more"
            f" batches of {batch_size}",
            stacklevel=3,
        )
    return min(steps_per_epoch, batches)


def read_validation(model: "Sequential", data: Any, steps: int | None, batch_size: int) -> Rows | None:
    """Return the rows to validate with: `steps` batches of them where that is less than all."""
    if data is None:
        return None
    if not isinstance(data, tuple | list) or len(data) not in (2, 3):
        raise TrainingError("validation_data takes (x, y) or (x, y, sample_weight)")
    rows = read_rows(model, *data)
    check_count("validation_batch_size", batch_size)
    if steps is None:
        return rows
    check_count("validation_steps", steps)
    return rows.first(steps * batch_size)


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
            stacklevel=4,
        )
    weights = (None, None) if sample_weight is None else (sample_weight[:kept], sample_weight[kept:])
    return (x[:kept], y[:kept], weights[0]), (x[kept:], y[kept:], weights[1])
