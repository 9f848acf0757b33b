"""The kinds of columns of a raw row: the cells that each accepts, and the code that represents a cell.

Each column declares its inputs (`transforms`, `one_hot_width`); `nn.features` computes the inputs of all columns.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from nn.numbers import NUMBERS, find_nonfinite, read_numbers
from nn.text import check_name, check_text

Cell = str | int | float | bool | None
ColumnCodes = npt.NDArray[np.float64]

EPOCH = datetime(1970, 1, 1)
EARLIEST, LATEST = ((when - EPOCH).total_seconds() for when in (datetime.min, datetime(9999, 12, 31)))


class LinearTransform(NamedTuple):
    """One input computed from a value v of a column: (v - offset) * scale, clipped to [low, high]."""

    offset: float = 0.0
    scale: float = 1.0
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Column:
    """The name, whether training saw missing values (only then is null accepted), and the code that replaces them."""

    name: str
    missing: bool = False
    fill_value: float = field(default=0.0, metadata={"key": "fill"})  # the key in format 1 of the artifact

    kind: ClassVar[str]
    expected: ClassVar[str]

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a column")
        if not isinstance(self.missing, bool):
            raise TypeError(f"column {self.name!r}: missing must be a boolean")
        with np.errstate(over="ignore"):
            transforms = np.array([(t.offset, t.scale) for t in self.transforms]).astype(np.float32)
        if not math.isfinite(self.fill_value) or not np.isfinite(transforms).all():
            raise ValueError(f"column {self.name!r}: fill, offset and scale must be finite")

    @property
    def transforms(self) -> list[LinearTransform]:
        """The inputs computed from the column's values: the code itself, unless it selects a one-hot input."""
        return [] if self.one_hot_width else [LinearTransform()]

    @property
    def one_hot_width(self) -> int:
        """The number of one-hot inputs; the code selects the one that is 1."""
        return 0

    def read(self, cells: Sequence[Cell]) -> ColumnCodes | None:
        """Turn cells into codes (B,), or return None if this column rejects any of them."""
        try:
            codes = np.array([math.nan if cell is None else self._code(cell) for cell in cells], np.float64)
        except (ValueError, OverflowError):
            return None
        return None if None in cells and not self.missing else codes

    def to_cell(self, code: float) -> Cell:
        """Return a cell that `read` turns into this code."""
        return None if math.isnan(code) else self._to_cell(code)

    def values(self, codes: ColumnCodes) -> ColumnCodes:
        """Turn codes (B,), none of them missing, into values: (B, T), or (B, 1) if all transforms share one value."""
        return codes[:, None]

    def _code(self, cell: Any) -> float:
        raise NotImplementedError

    def _to_cell(self, code: float) -> Cell:
        raise NotImplementedError


@dataclass(frozen=True)
class Number(Column):
    """A number, scaled to (value - offset) * scale; `edges` add one input per bin.

    The bins are the piecewise-linear encoding of Gorishniy et al. 2022, "On Embeddings for Numerical Features in
    Tabular Deep Learning": an input is 0 below its bin, 1 above it, and linear in between.
    """

    offset: float = 0.0
    scale: float = 1.0
    limit: float | None = None
    edges: tuple[float, ...] = ()

    kind = "number"
    expected = "a number"

    def __post_init__(self) -> None:
        if not (np.diff(self.edges) > 0).all():
            raise ValueError(f"column {self.name!r}: edges must increase")
        super().__post_init__()

    @property
    def transforms(self) -> list[LinearTransform]:
        """The scaled value, then for each bin the fraction of it that lies below the value."""
        limit = math.inf if self.limit is None else self.limit
        bins = pairwise(self.edges)
        scaled = LinearTransform(self.offset, self.scale, -limit, limit)
        return [scaled, *(LinearTransform(left, 1 / (right - left), 0.0, 1.0) for left, right in bins)]

    def read(self, cells: Sequence[Cell]) -> ColumnCodes | None:
        """Accept numbers that are finite in float32; strings and booleans are not numbers."""
        if self.missing:
            cells = [math.nan if cell is None else cell for cell in cells]
        if not set(map(type, cells)) <= NUMBERS:
            return None
        codes = read_numbers(cells)  # type: ignore[arg-type]  # numbers, as checked above
        return None if find_nonfinite(codes, nan_allowed=self.missing) else codes.astype(np.float64)

    def _to_cell(self, code: float) -> Cell:
        # The shortest decimal that reads back as the same float32.
        number = float(str(np.float32(code)))
        return int(number) if number.is_integer() and abs(number) < 2**53 else number


@dataclass(frozen=True)
class Boolean(Column):
    """True or false."""

    kind = "boolean"
    expected = "true or false"

    def _code(self, cell: Any) -> float:
        if type(cell) is not bool:
            raise ValueError(cell)
        return float(cell)

    def _to_cell(self, code: float) -> Cell:
        return bool(code)


@dataclass(frozen=True)
class Category(Column):
    """One of several values, compared as text: one-hot, with one more input for values that training did not see."""

    categories: tuple[str, ...] = ()

    kind = "category"
    expected = "a string, a number or a boolean"

    def __post_init__(self) -> None:
        if len(self._codes) != len(self.categories) or not all(isinstance(value, str) for value in self.categories):
            raise ValueError(f"column {self.name!r}: categories must be unique strings")
        for value in self.categories:
            check_text(value, f"column {self.name!r}")
        super().__post_init__()

    @property
    def one_hot_width(self) -> int:
        """One input per category, and one for unseen values."""
        return len(self.categories) + 1

    @cached_property
    def _codes(self) -> dict[str, int]:
        return {value: code for code, value in enumerate(self.categories)}

    def _code(self, cell: Any) -> float:
        return self._codes.get(cell if type(cell) is str else text(cell), len(self.categories))

    def _to_cell(self, code: float) -> Cell:
        if code < len(self.categories):
            return self.categories[int(code)]
        unseen = "unseen"
        while unseen in self._codes:
            unseen += "_"
        return unseen


def text(cell: Any) -> str:
    """Return a cell as the text by which categories are compared: 3.0 as "3", true as "true"."""
    if type(cell) is bool:
        return str(cell).lower()
    if type(cell) is float:
        return str(int(cell)) if cell.is_integer() else repr(cell)
    if type(cell) in (int, str):
        return str(cell)
    raise ValueError(cell)


@dataclass(frozen=True)
class Date(Column):
    """A point in time: the scaled time since `offset`, and the position in the year, the week and the day.

    The position in a period is encoded as sine and cosine, so that its end lies next to its beginning. A time with a
    UTC offset is converted to UTC; a time without one is used unchanged.
    """

    offset: float = 0.0  # seconds since 1970
    scale: float = 1.0
    periods: tuple[str, ...] = ("year", "week", "day")

    kind = "date"
    expected = "an ISO 8601 date such as 2024-05-31 or 2024-05-31T08:30:00"
    SECONDS: ClassVar[dict[str, float]] = {"year": 365.2425 * 86400, "week": 7 * 86400, "day": 86400}

    def __post_init__(self) -> None:
        if not set(self.periods) <= set(self.SECONDS):
            raise ValueError(
                f"column {self.name!r}: unknown periods {self.periods}; expected {', '.join(self.SECONDS)}"
            )
        super().__post_init__()

    @property
    def transforms(self) -> list[LinearTransform]:
        """The time since `offset`, then sine and cosine of each period."""
        return [LinearTransform(scale=self.scale), *[LinearTransform()] * (2 * len(self.periods))]

    def values(self, codes: ColumnCodes) -> ColumnCodes:
        """Turn codes (B,) into values (B, T). The offset is subtracted in float64, which resolves the seconds."""
        angles = [2 * np.pi / self.SECONDS[period] * codes for period in self.periods]
        waves = [wave(angle) for angle in angles for wave in (np.sin, np.cos)]
        return np.stack([codes - self.offset, *waves], axis=1)

    def _code(self, cell: Any) -> float:
        if type(cell) is not str:
            raise ValueError(cell)
        when = datetime.fromisoformat(cell)
        if when.tzinfo is not None:
            when = when.astimezone(UTC).replace(tzinfo=None)
        return (when - EPOCH).total_seconds()

    def _to_cell(self, code: float) -> Cell:
        code = min(max(code, EARLIEST), LATEST)
        when = EPOCH + timedelta(seconds=code)
        return (when.date() if code % 86400 == 0 else when).isoformat()


KINDS: dict[str, type[Column]] = {kind.kind: kind for kind in (Number, Boolean, Category, Date)}
