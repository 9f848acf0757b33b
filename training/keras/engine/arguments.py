"""Checks the data passed to `fit`, `evaluate` and `predict`, and converts it to samples."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from nn.numbers import find_nonfinite
from training.errors import TrainingError
from training.keras.checks import check_count, check_number, invalid_argument
from training.keras.engine.batch_stream import makes_batches
from training.keras.engine.compiled_model import CompiledModel
from training.keras.engine.data_adapter import ArrayDataAdapter, DataAdapter, Samples, TargetArray
from training.keras.engine.layer_stack import LayerStack

ClassWeight = Mapping[int, float] | None
MAX_SHOWN_COLUMNS = 10
FINITE_CHECK_ROWS = 2**14  # checked at a time, to limit the memory for intermediate results


def as_array(name: str, values: Any) -> npt.NDArray[Any]:
    """Return an argument as an array. Raises TrainingError if its rows differ in length.

    A data frame with columns of several types of numbers becomes an array of float64, as in Keras.
    """
    if makes_batches(values):
        raise TrainingError(f"`{name}` must be an array: only `fit` and `evaluate` take a generator or a Sequence")
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise TrainingError(f"{name} is ragged: its rows have different lengths") from error
    if array.dtype == object and hasattr(values, "dtypes") and hasattr(values, "columns"):
        types = zip(values.columns, values.dtypes, strict=True)
        if wrong := [str(column) for column, kind in types if getattr(kind, "kind", "O") not in "biuf"]:
            raise TrainingError(f"`{name}` has columns that are not numbers: {', '.join(wrong[:MAX_SHOWN_COLUMNS])}")
        try:
            return np.asarray(values, np.float64)
        except (TypeError, ValueError) as error:
            raise TrainingError(f"`{name}` has missing values: fill them, or remove these samples") from error
    return array


def read_inputs(stack: LayerStack, x: Any) -> DataAdapter:
    """Return x (B, …) as an adapter of rows (B, I), checked against the layers, which are built first if needed."""
    if hasattr(x, "gather"):
        adapter: DataAdapter = x
        if not stack.built:
            stack.build((None, adapter.shape[1]))
        if adapter.shape[1] != stack.input_width:
            raise TrainingError(f"Expected `x` of shape (n, {stack.input_width}). Received: x.shape={adapter.shape}")
        return adapter
    array = as_array("x", x)
    if array.dtype.kind not in "biuf":
        raise TrainingError(f"Unrecognized data type: expected `x` to contain numbers. Received: x.dtype={array.dtype}")
    if not stack.built:
        stack.build((None, *(stack.declared_shape or array.shape[1:])))
    if array.shape[1:] != stack.input_shape:
        raise _shape_error(stack, array)
    if not len(array):
        raise TrainingError("`x` is empty: expected at least one sample")
    return ArrayDataAdapter(array.reshape(len(array), -1))


def _shape_error(stack: LayerStack, array: npt.NDArray[Any]) -> TrainingError:
    expected = ", ".join(map(str, ("n", *stack.input_shape)))
    fits = array.ndim > 1 and np.prod(array.shape[1:]) == stack.input_width
    hint = ". Did you mean x.reshape(len(x), -1)?" if fits and len(stack.input_shape) == 1 else ""
    return TrainingError(f"Expected `x` of shape ({expected}). Received: x.shape={array.shape}{hint}")


def read_samples(
    model: CompiledModel, x: Any, y: Any, sample_weight: Any = None, class_weight: ClassWeight = None
) -> Samples:
    """Return checked samples; weights by class are converted to weights by sample."""
    if y is None:
        raise TrainingError("`y` is missing: pass the targets of the samples in `x`")
    inputs, targets = read_inputs(model.stack, x), as_array("y", y)
    _check_cardinality(inputs, targets, sample_weight)
    if isinstance(inputs, ArrayDataAdapter):
        _check_finite(inputs.array)
    targets = model.loss.check(targets, model.stack.output_width)
    return Samples(inputs, targets, _read_weights(targets, sample_weight, class_weight))


def _check_cardinality(inputs: DataAdapter, targets: npt.NDArray[Any], sample_weight: Any) -> None:
    sizes = {"x": inputs.shape[0], "y": len(targets) if targets.ndim else 0}
    if sample_weight is not None:
        sizes["sample_weight"] = len(np.atleast_1d(sample_weight))
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"'{name}' sizes: {size}" for name, size in sizes.items())
        raise TrainingError(
            f"Data cardinality is ambiguous. Make sure all arrays contain the same number of samples. {listed}"
        )


def _check_finite(array: npt.NDArray[Any]) -> None:
    if array.dtype.kind == "f":
        for start in range(0, len(array), FINITE_CHECK_ROWS):
            if find_nonfinite(array[start : start + FINITE_CHECK_ROWS]):
                raise TrainingError("`x` contains NaN or infinite values: replace them, or remove these samples")


def _check_class_weight(weights: object) -> None:
    if not isinstance(weights, Mapping):
        raise invalid_argument("class_weight", "a dict of a weight for each class index", weights)
    for label, weight in weights.items():
        check_count("class_weight", label)
        check_number("class_weight", weight, 0, float(np.finfo(np.float32).max))


def _read_weights(y: TargetArray, sample_weight: Any, class_weight: ClassWeight) -> npt.NDArray[np.float32] | None:
    if class_weight is not None:
        if sample_weight is not None:
            raise TrainingError(
                "You cannot pass `class_weight` and `sample_weight` at the same time: multiply each sample weight by"
                " the weight of its class, and pass only `sample_weight`."
            )
        _check_class_weight(class_weight)
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
        raise TrainingError(
            "Invalid value received for argument `sample_weight`. Expected a finite, non-negative weight for each"
            f" sample. Received: sample_weight.shape={weights.shape}"
        )
    return weights
