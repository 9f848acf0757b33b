"""From plain arrays of numbers to a data set: images are scaled as a whole, other rows column by column."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Features, Number
from nn.numbers import Float32, find_nonfinite, read_numbers
from training.config import Config
from training.data.columns import FIT_SAMPLE_ROWS, fit_number, float32_note, limit_bins
from training.data.dataset import ROWS_PER_CHUNK, DataSet, RowIndex, Split, split_rows
from training.data.targets import find_targets
from training.errors import TrainingError
from training.files.npz import Arrays
from training.files.spill import spill

COUNTED_ROWS = 5_000  # in which distinct values are counted


def load_arrays(raw: Arrays, config: Config, source: dict[str, Any], fold: int | None = None) -> DataSet:
    """Make a data set from arrays. Arrays of three or more dimensions, and uint8 arrays, share one scale.

    Raises TrainingError.
    """
    if raw.test is not None and (option := "--folds" if config.folds else "--test-data" if config.test_data else ""):
        raise TrainingError(f"remove {option}: the data have a test set of their own, x_test and y_test")
    targets, y = find_targets(raw.y, config.task)
    own_test = raw.test is not None or config.test_data is not None
    train, validation, test = split_rows(y, targets, config, own_test=own_test, fold=fold)
    codes = array_codes(raw.x)
    grid = raw.x.ndim > 2 or raw.x.dtype == np.uint8
    features = fit_grid(codes, train) if grid else _fit_array(codes[np.sort(train)[:FIT_SAMPLE_ROWS]], config.bins)
    splits = [Split(features, codes, y, rows) for rows in (train, validation, test)]
    if raw.test is not None:
        if not len(raw.test[0]):
            raise TrainingError("x_test has no rows; leave it out to hold out a test set from x_train")
        test_codes = array_codes(raw.test[0])
        if test_codes.shape[1] != codes.shape[1]:
            raise TrainingError(f"x_train has {codes.shape[1]} values per row, x_test has {test_codes.shape[1]}")
        splits[2] = Split(features, test_codes, targets.encode(raw.test[1]), np.arange(len(test_codes)))
    image = raw.x.shape[1:] if grid and raw.x.ndim == 3 else None
    notes = [] if grid else [*_collapsed(raw.x, np.sort(train))]
    return DataSet(splits[0], splits[1], splits[2], targets, source, notes, image)


def _collapsed(x: npt.NDArray[Any], rows: RowIndex) -> Iterator[str]:
    """Yield a note for each column of which rounding to float32 leaves less than half of the distinct values."""
    sample = x[rows[:: -(-len(rows) // COUNTED_ROWS)]]
    if not np.can_cast(x.dtype, np.float32):
        pairs = zip(_count_distinct(sample), _count_distinct(read_numbers(sample)), strict=True)
        yield from (note for j, (before, after) in enumerate(pairs) if (note := float32_note(f"x{j}", before, after)))


def _count_distinct(values: npt.NDArray[Any]) -> list[int]:
    return [*(1 + (np.diff(np.sort(values, axis=0), axis=0) != 0).sum(axis=0)).tolist()]


def array_codes(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Flatten (B, …) to codes (B, K): small integers keep their type, other numbers are rounded to float32.

    Raises TrainingError for other types, and for numbers that are not finite in float32.
    """
    if x.dtype.kind not in "iuf":
        raise TrainingError(f"the data contain {x.dtype} values; expected integers or floats")
    if not x.size:
        raise TrainingError("the data have no rows")
    rows = x.reshape(len(x), -1)
    if rows.dtype.kind in "iu" and np.can_cast(rows.dtype, np.float32):
        return rows

    def blocks() -> Iterator[Float32]:
        for start in range(0, len(rows), ROWS_PER_CHUNK):
            block = read_numbers(rows[start : start + ROWS_PER_CHUNK])
            if wrong := find_nonfinite(block):
                row, column = wrong[0]
                place = f"first in row {start + row}, value {column}"
                raise TrainingError(f"the data contain NaN, infinity or a number too large for float32; {place}")
            yield block

    return spill(blocks(), rows.shape, np.float32)


def fit_grid(codes: npt.NDArray[Any], rows: RowIndex) -> Features:
    """Scale numbers that share a unit, such as pixels, from their common range to [0, 1]."""
    low, high = np.inf, -np.inf
    for start in range(0, len(rows), ROWS_PER_CHUNK):
        block = codes[rows[start : start + ROWS_PER_CHUNK]]
        low, high = min(low, float(block.min())), max(high, float(block.max()))
    scale = float(np.float32(1 / (high - low))) if high > low else 0.0
    return Features([Number(f"x{i}", offset=low, scale=scale) for i in range(codes.shape[1])])


def _fit_array(sample: Float32, bins: int) -> Features:
    bins = limit_bins(bins, sample.shape[1], len(sample))
    return Features([fit_number(f"x{i}", column, bins=bins) for i, column in enumerate(sample.T)])
