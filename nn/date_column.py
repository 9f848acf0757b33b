"""The kind of columns for points in time."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar

import numpy as np

from nn.columns import FORMAT_2, Cell, Column, ColumnCodes, LinearTransform
from nn.date_format import DATE_EXAMPLES, EPOCH, read_date, read_iso_date

EARLIEST, LATEST = ((when - EPOCH).total_seconds() for when in (datetime.min, datetime(9999, 12, 31)))


@dataclass(frozen=True)
class Date(Column):
    """A point in time: the scaled time since `offset`, and the position in the year, the week and the day.

    The position in a period is encoded as sine and cosine, so that its end lies next to its beginning. A time with a
    UTC offset is converted to UTC; a time without one is used unchanged. If there is an `order`, text that has it is
    accepted besides ISO 8601.
    """

    offset: float = 0.0  # seconds since 1970
    scale: float = 1.0
    periods: tuple[str, ...] = ("year", "week", "day")
    order: str = field(default="", metadata=FORMAT_2)  # one of date_format.DATE_EXAMPLES

    kind = "date"
    SECONDS: ClassVar[dict[str, float]] = {"year": 365.2425 * 86400, "week": 7 * 86400, "day": 86400}

    def __post_init__(self) -> None:
        if self.order and self.order not in DATE_EXAMPLES:
            raise ValueError(f"column {self.name!r}: unknown order {self.order!r}; expected {', '.join(DATE_EXAMPLES)}")
        if not set(self.periods) <= set(self.SECONDS):
            raise ValueError(
                f"column {self.name!r}: unknown periods {self.periods}; expected {', '.join(self.SECONDS)}"
            )
        super().__post_init__()

    @property
    def expected(self) -> str:
        """An ISO 8601 date, and how text may look besides."""
        if self.order:
            kind = "time" if self.order == "time" else "date"
            return f"a {kind} such as {DATE_EXAMPLES[self.order]}, or a date in ISO 8601"
        return "an ISO 8601 date such as 2024-05-31 or 2024-05-31T08:30:00"

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
        return read_date(cell.strip(), self.order) if self.order else read_iso_date(cell)

    def _to_cell(self, code: float) -> Cell:
        code = min(max(code, EARLIEST), LATEST)
        when = EPOCH + timedelta(seconds=code)
        return (when.date() if code % 86400 == 0 else when).isoformat()
