"""What each column of a table is taken for, decided on the training part alone.

Numbers are centred and scaled robustly and cut into bins of equally many rows; text and integers of
few values are categories; what can't tell anything is dropped, with the reason.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.compute

from nn import Boolean, Category, Date, Features, Number
from nn.columns import Column, Float32, read_numbers, text
from training.errors import TrainingError
from training.files.read import BOOLEAN, FRACTION, TEXT, WHOLE

SAMPLE_ROWS = 500_000  # training rows by which columns are judged
FEW_VALUES = 10  # integers with no more are categories
MOST_CATEGORIES = 500
RARE = 1e-4  # of the rows: categories that come less often share the place of the unseen
ID_SHARE = 0.5  # of the rows: text with more different values than that names its row
LEAST_ID_ROWS = 20
COUNTER_STEP = 4  # the mean step of a column that counts rows, of which some are in other parts, is at most this
LEAST_BIN_ROWS = 20
MOST_BINS = 1024  # of all columns together
IQR_OF_NORMAL = 1.349


@dataclass(frozen=True)
class Fitted:
    """The features of a table, and why columns were dropped or values put together."""

    features: Features
    notes: list[str]


def fit_columns(sample: pyarrow.Table, missing: Mapping[str, int], bins: int) -> Fitted:
    """Decide from training rows, and from how many are missing in each column of the whole training part."""
    columns: list[Column] = []
    dropped: list[str] = []
    notes: list[str] = []
    bins = few_bins(bins, sum(field.type in (WHOLE, FRACTION) for field in sample.schema), sample.num_rows)
    for name in sample.column_names:
        cells = sample.column(name).drop_null()
        distinct = pyarrow.compute.count_distinct(cells).as_py() if len(cells) else 0
        reason = _why_drop(name, cells, distinct, bool(missing[name]))
        if reason:
            dropped.append(name)
            notes.append(f"column {name} is dropped: {reason}")
            continue
        column = _fit_column(name, cells, distinct, bool(missing[name]), bins, notes)
        if isinstance(column, Category) and not column.categories:
            dropped.append(name)
            notes.append(f"column {name} is dropped: none of its {distinct:,} values comes often enough to learn from")
        else:
            columns.append(column)
    if not columns:
        raise TrainingError(f"no column is left to learn from: {'; '.join(notes)}")
    return Fitted(Features(columns, dropped), notes)


def few_bins(bins: int, columns: int, rows: int) -> int:
    """Return how many bins a column of numbers may have: each needs rows to learn from, and columns add up."""
    return min(bins, MOST_BINS // max(columns, 1), rows // LEAST_BIN_ROWS)


def _why_drop(name: str, cells: pyarrow.ChunkedArray, distinct: int, missing: bool) -> str | None:
    rows = len(cells)
    if not distinct:
        return "it has no values"
    if distinct == 1 and not missing:
        return "all its values are the same"
    if rows < LEAST_ID_ROWS:
        return None
    if cells.type == TEXT and distinct > ID_SHARE * rows:
        return f"it names its row ({distinct:,} different values in {rows:,} rows)"
    if cells.type == WHOLE and distinct == rows and not missing:
        numbers = cells.to_numpy()
        steps = np.diff(numbers)
        counts = ((steps > 0).all() or (steps < 0).all()) and np.ptp(numbers) < COUNTER_STEP * rows
        if counts or re.search(r"(^|[^a-z])id$", name, re.IGNORECASE):
            return "it numbers the rows"
    return None


def _fit_column(
    name: str, cells: pyarrow.ChunkedArray, distinct: int, missing: bool, bins: int, notes: list[str]
) -> Column:
    if cells.type == BOOLEAN:
        return Boolean(name, missing)
    if cells.type == TEXT or (cells.type == WHOLE and distinct <= FEW_VALUES):
        return _fit_category(name, cells, missing, notes)
    if cells.type in (WHOLE, FRACTION):
        numbers = finite_numbers(name, cells.to_numpy())
        if (told_apart := len(np.unique(numbers))) < distinct / 2:
            notes.append(
                f"column {name}: in float32 only {told_apart:,} of {distinct:,} values can be told apart:"
                " subtract what they have in common"
            )
        return fit_number(name, numbers, missing, bins)
    return _fit_date(name, cells, missing)


def _fit_category(name: str, cells: pyarrow.ChunkedArray, missing: bool, notes: list[str]) -> Category:
    counts = cells.value_counts()
    common = [
        (-count, text(value))
        for value, count in zip(*(part.to_pylist() for part in counts.flatten()), strict=True)
        if count > RARE * len(cells)
    ]
    kept = [value for _, value in sorted(common)[:MOST_CATEGORIES]]
    if kept and (rare := len(counts) - len(kept)):
        notes.append(f"column {name}: {rare:,} rare values are taken for unseen ones, {len(kept):,} are kept")
    return Category(name, missing, categories=tuple(sorted(kept)))


def fit_number(name: str, values: Float32, missing: bool = False, bins: int = 0) -> Number:
    """Centre at the median, scale by the spread of the middle half, cut into bins of equally many rows."""
    low, first, median, third, high = (float(q) for q in np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    spread = (third - first) / IQR_OF_NORMAL or (high - low) / 2
    scale = 1 / spread if spread > np.finfo(np.float32).tiny else 0.0
    return Number(
        name,
        missing,
        fill_value=_rounded(median),
        offset=_rounded(median),
        scale=_rounded(scale),
        edges=_edges(values, bins) if bins > 1 else (),
    )


def _edges(values: Float32, bins: int) -> tuple[float, ...]:
    """Cut values into bins of equally many rows, counting none more than half a bin's worth.

    Where most rows hold one value (no capital gain), plain quantiles would put all others into one bin.
    """
    different, counts = np.unique(values, return_counts=True)
    shares = np.cumsum(np.minimum(counts, max(len(values) // bins // 2, 1)).astype(np.float64))
    shares /= shares[-1]
    # Just below each step, lest rounding skip a value.
    chosen = different[np.searchsorted(shares, np.arange(1, bins + 1) / bins - 1e-9)]
    edges = np.unique(np.append(different[0], chosen))
    # A narrower bin would be steeper than float32 can say.
    return tuple(edges[np.append(True, np.diff(edges) > np.finfo(np.float32).tiny)].tolist())


def _rounded(value: float) -> float:
    return float(np.float32(value))


def finite_numbers(name: str, values: npt.NDArray[np.generic]) -> Float32:
    """Round to float32, and refuse what is infinite there."""
    numbers = read_numbers(values)
    if not (finite := np.isfinite(numbers)).all():
        value = values[int(np.flatnonzero(~finite)[0])]
        raise TrainingError(f"column {name} holds {value}: infinity or a number too large for float32")
    return numbers


def _fit_date(name: str, cells: pyarrow.ChunkedArray, missing: bool) -> Date:
    seconds = read_seconds(cells)
    low, median, high = (float(q) for q in np.quantile(seconds, [0, 0.5, 1]))
    # A period that no two rows tell apart, such as the time of day of plain dates, would say nothing.
    periods = [period for period, length in Date.SECONDS.items() if np.ptp(seconds % length) > 0]
    scale = 2 / (high - low) if high > low else 0.0
    return Date(name, missing, fill_value=median, offset=median, scale=_rounded(scale), periods=tuple(periods))


def read_seconds(cells: pyarrow.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return points in time as seconds since 1970 (UTC where they have an offset)."""
    return np.asarray(cells.cast(pyarrow.int64()).to_numpy() / 1e6, np.float64)
