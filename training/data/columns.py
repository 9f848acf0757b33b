"""Fits the columns of a table to the training set.

Numbers are centred, scaled robustly and cut into quantile bins; few distinct numbers are the edges of their bins, so
that each can have a prediction of its own, and a number beyond them is more of the same. Text columns, and the columns
that the settings name, are categories. Columns without usable information are dropped, with a note that gives the
reason.
"""

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from shlex import quote

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.compute

from nn import Boolean, Category, Date, Features, Number
from nn.columns import Column, text
from nn.numbers import Float32, find_nonfinite, read_numbers
from training.config import Config
from training.errors import TrainingError
from training.files.table import BOOLEAN, FLOAT, INTEGER, TEXT, TIME, TIME_UTC
from training.text.choices import Choices
from training.text.readings import TextReading

FIT_SAMPLE_ROWS = 500_000  # training rows from which columns are fitted
MAX_VALUES_AS_EDGES = 10  # numbers with more distinct values have quantile bins
MAX_CATEGORIES_PER_COLUMN = 500
RARE_SHARE = 1e-4  # of the rows: rarer categories are encoded as unseen values
MAX_DISTINCT_SHARE = 0.5  # of the rows: a text column with more distinct values is an identifier
MIN_IDENTIFIER_ROWS = 20
MAX_COUNTER_STEP = 4  # mean step in a column of row numbers; more than 1, because other splits hold rows in between
MIN_ROWS_PER_BIN = 40
MAX_TOTAL_BINS = 1024  # quantile bins of all columns together
NORMAL_IQR = 1.349  # interquartile range of the standard normal distribution


@dataclass(frozen=True)
class Sample:
    """Sampled training rows, and what is known of all rows.

    The names of the columns in which training rows lack values, and of those that have no numbers but 0 and 1.
    """

    rows: pyarrow.Table
    nullable: Set[str]
    flags: Set[str] = frozenset()


def fit_columns(
    sample: Sample, config: Config, choices: Choices, readings: Mapping[str, TextReading], notes: list[str]
) -> Features:
    """Fit columns to a sample, and add notes on dropped columns and merged values. Raises TrainingError."""
    rows = sample.rows
    columns: list[Column] = []
    dropped = list(choices.drop)
    bins = limit_bins(config.bins, sum(field.type in (INTEGER, FLOAT) for field in rows.schema), rows.num_rows)
    for name in rows.column_names:
        cells, missing = rows.column(name).drop_null(), name in sample.nullable
        distinct = pyarrow.compute.count_distinct(cells).as_py() if len(cells) else 0
        reason = _drop_reason(name, cells, distinct, missing, is_chosen=name in choices.named)
        missing |= config.allow_missing
        if not reason:
            kind = _kind(name, cells, sample.flags, choices, notes)
            if kind == "number":
                column: Column = _fit_number(name, cells, distinct, missing, bins, notes)
            else:
                column = _fit_other(kind, name, cells, missing, notes)
            if not isinstance(column, Category) or column.categories:
                columns.append(_with_reading(column, readings.get(name)))
                continue
            reason = f"none of its {distinct:,} distinct values is frequent enough to learn from"
        dropped.append(name)
        notes.append(f"column {name} dropped: {reason}")
    if not columns:
        reasons = "; ".join(note for note in notes if " dropped: " in note)
        raise TrainingError(f"no column is left to train on: {reasons}")
    return Features(columns, dropped)


def _kind(name: str, cells: pyarrow.ChunkedArray, flags: Set[str], choices: Choices, notes: list[str]) -> str:
    if name in choices.categories:
        return "category"
    if cells.type in (INTEGER, FLOAT):
        if name not in flags or name in choices.numbers:
            return "number"
        notes.append(
            f"column {name} has only 0 and 1, which mean false and true; --numbers {quote(name)} reads numbers"
        )
    return {TEXT: "category", TIME: "date", TIME_UTC: "date"}.get(cells.type, "boolean")


def _with_reading(column: Column, reading: TextReading | None) -> Column:
    """Return the column of a model that reads text as training did."""
    if reading is None or isinstance(column, Category | Boolean):
        return column
    settings = reading.settings
    if not column.missing:  # words for nothing were only in the other splits
        settings.pop("nothing", None)
    return replace(column, **settings)


def limit_bins(bins: int, columns: int, rows: int) -> int:
    """Limit the quantile bins per numeric column: by the rows per bin, and by the total over all columns.

    The result is 0 only if bins are disabled.
    """
    return min(bins, max(min(MAX_TOTAL_BINS // max(columns, 1), rows // MIN_ROWS_PER_BIN), 1))


def _drop_reason(
    name: str, cells: pyarrow.ChunkedArray, distinct: int, missing: bool, *, is_chosen: bool
) -> str | None:
    rows = len(cells)
    if not distinct:
        return "all values are missing"
    if distinct == 1 and not missing:
        return "all values are the same"
    if rows < MIN_IDENTIFIER_ROWS or is_chosen:
        return None
    if cells.type == TEXT and distinct > MAX_DISTINCT_SHARE * rows:
        what = f"it looks like an identifier ({distinct:,} distinct values in {rows:,} rows)"
        return f"{what}; --categories {quote(name)} keeps it"
    if cells.type == INTEGER and distinct == rows and not missing:
        numbers = cells.to_numpy()
        steps = np.diff(numbers)
        counts = ((steps > 0).all() or (steps < 0).all()) and np.ptp(numbers) < MAX_COUNTER_STEP * rows
        if counts or re.search(r"(^|[^a-z])id$", name, re.IGNORECASE):
            what = "it looks like a row number or an identifier (every value is a unique integer)"
            return f"{what}; --numbers {quote(name)} keeps it"
    return None


def _fit_number(
    name: str, cells: pyarrow.ChunkedArray, distinct: int, missing: bool, bins: int, notes: list[str]
) -> Number:
    numbers = finite_numbers(name, cells.to_numpy())
    if note := float32_note(name, distinct, len(np.unique(numbers))):
        notes.append(note)
    return fit_number(name, numbers, missing, bins)


def float32_note(name: str, before: int, after: int) -> str | None:
    """Return a note if rounding to float32 leaves less than half of the distinct values of a column."""
    if after >= before / 2:
        return None
    return (
        f"column {name}: rounding to float32 leaves only {after:,} of {before:,} distinct values;"
        " subtract a constant offset from the column"
    )


def _fit_other(kind: str, name: str, cells: pyarrow.ChunkedArray, missing: bool, notes: list[str]) -> Column:
    if kind == "boolean":
        return Boolean(name, missing, numbers=cells.type != BOOLEAN)
    if kind == "date":
        return _fit_date(name, cells, missing)
    return _fit_category(name, cells, missing, notes)


def _fit_category(name: str, cells: pyarrow.ChunkedArray, missing: bool, notes: list[str]) -> Category:
    counts = cells.value_counts()
    pairs = zip(*(field.to_pylist() for field in counts.flatten()), strict=True)
    common = [(-count, text(value)) for value, count in pairs if count > RARE_SHARE * len(cells)]
    kept = [value for _, value in sorted(common)[:MAX_CATEGORIES_PER_COLUMN]]
    if kept and (rare := len(counts) - len(kept)):
        notes.append(f"column {name}: {rare:,} rare values are encoded as unseen, {len(kept):,} are kept")
    kept.sort()
    return Category(name, missing, categories=tuple(kept), numbers=cells.type != TEXT or _are_codes(kept))


def _are_codes(values: list[str]) -> bool:
    """Return whether texts are whole numbers, some with leading zeros, and different numbers."""
    zeros = [value for value in values if value.startswith("0") and len(value) > 1]
    return bool(zeros) and all(map(str.isdecimal, values)) and len(set(map(int, values))) == len(values)


def fit_number(name: str, values: Float32, missing: bool = False, bins: int = 0) -> Number:
    """Fit the centre (the median), the scale (from the interquartile range) and the edges of quantile bins."""
    low, first, median, third, high = (float(q) for q in np.quantile(values, [0, 0.25, 0.5, 0.75, 1]))
    spread = (third - first) / NORMAL_IQR or (high - low) / 2
    centre = float(np.float32(median))
    scale = float(np.float32(1 / spread)) if spread > np.finfo(np.float32).tiny else 0.0
    edges: tuple[float, ...] = ()
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= MAX_VALUES_AS_EDGES and bins:
        # Between the last two values only the scaled value rises, and beyond them it goes on as it does there.
        edges = _wide_enough(distinct[:-1])
    elif bins > 1:
        edges = _quantile_edges(distinct, counts, bins)
    return Number(name, missing, fill_value=centre, offset=centre, scale=scale, edges=edges)


def _quantile_edges(distinct: Float32, counts: npt.NDArray[np.intp], bins: int) -> tuple[float, ...]:
    """Return the edges of quantile bins of distinct values and their counts; a value counts for at most half a bin.

    Where most rows have the same value (such as a capital gain of 0), plain quantiles would put all other values into
    one bin.
    """
    shares = np.cumsum(np.minimum(counts, max(int(counts.sum()) // bins // 2, 1)).astype(np.float64))
    shares /= shares[-1]
    # Search just below each step: otherwise rounding may skip a value.
    chosen = distinct[np.searchsorted(shares, np.arange(1, bins + 1) / bins - 1e-9)]
    return _wide_enough(np.unique(np.append(distinct[0], chosen)))


def _wide_enough(edges: Float32) -> tuple[float, ...]:
    """Drop edges that end a bin in which the slope would overflow float32."""
    wide = np.diff(edges, prepend=-np.inf) > np.finfo(np.float32).tiny
    return tuple(edges[wide].tolist())


def finite_numbers(name: str, values: npt.NDArray[np.generic]) -> Float32:
    """Round to float32. Raises TrainingError for infinite values, including those that overflow."""
    numbers = read_numbers(values)
    if wrong := find_nonfinite(numbers):
        value = values[wrong[0][0]]
        raise TrainingError(f"column {name} contains {value}; expected finite numbers in the range of float32")
    return numbers


def _fit_date(name: str, cells: pyarrow.ChunkedArray, missing: bool) -> Date:
    seconds = read_seconds(cells)
    low, median, high = (float(q) for q in np.quantile(seconds, [0, 0.5, 1]))
    # A period with the same phase in all rows, such as the time of day of plain dates, carries no information.
    periods = [period for period, length in Date.SECONDS.items() if np.ptp(seconds % length) > 0]
    scale = 2 / (high - low) if high > low else 0.0
    return Date(name, missing, fill_value=median, offset=median, scale=float(np.float32(scale)), periods=tuple(periods))


def read_seconds(cells: pyarrow.ChunkedArray) -> npt.NDArray[np.float64]:
    """Return points in time as seconds since 1970 (UTC where they have an offset)."""
    return np.asarray(cells.cast(pyarrow.int64()).to_numpy() / 1e6, np.float64)
