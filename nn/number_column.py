"""The kind of columns for numbers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

import numpy as np

from nn.columns import FORMAT_2, Cell, Column, ColumnCodes, LinearTransform
from nn.number_format import NumberFormat
from nn.numbers import NUMBERS, find_nonfinite, read_numbers


@dataclass(frozen=True)
class Number(Column):
    """A number, scaled to (value - offset) * scale; `edges` add one input per bin.

    The bins are the piecewise-linear encoding of Gorishniy et al. 2022, "On Embeddings for Numerical Features in
    Tabular Deep Learning": an input is 0 below its bin, 1 above it, and linear in between.

    If there is a decimal separator, requests may have text in this format too; files always may.
    """

    offset: float = 0.0
    scale: float = 1.0
    limit: float | None = None
    edges: tuple[float, ...] = ()
    decimal: str = field(default="", metadata=FORMAT_2)
    thousands: str = field(default="", metadata=FORMAT_2)
    unit: str = field(default="", metadata=FORMAT_2)

    kind = "number"

    def __post_init__(self) -> None:
        if not (np.diff(self.edges) > 0).all():
            raise ValueError(f"column {self.name!r}: edges must increase")
        if not self.decimal and (self.thousands or self.unit or self.nothing):
            raise ValueError(f"column {self.name!r}: the decimal separator is missing")
        _ = self.text_format  # which checks itself
        super().__post_init__()

    @property
    def expected(self) -> str:
        """A number, and how its text may look."""
        return f"a number, or text such as {self.text_format.example}" if self.decimal else "a number"

    @cached_property
    def text_format(self) -> NumberFormat:
        """The format of text."""
        return NumberFormat(self.decimal or ".", self.thousands, self.unit)

    @property
    def transforms(self) -> list[LinearTransform]:
        """The scaled value, then for each bin the fraction of it that lies below the value."""
        limit = math.inf if self.limit is None else self.limit
        bins = pairwise(self.edges)
        scaled = LinearTransform(self.offset, self.scale, -limit, limit)
        return [scaled, *(LinearTransform(left, 1 / (right - left), 0.0, 1.0) for left, right in bins)]

    def _read(self, cells: Sequence[Cell]) -> ColumnCodes | None:
        """Accept numbers that are finite in float32, and text in the format; booleans are not numbers."""
        if self.missing:
            cells = [math.nan if cell is None else cell for cell in cells]
        if self.decimal:
            try:
                cells = [self.text_format.read(cell.strip()) if type(cell) is str else cell for cell in cells]
            except ValueError:
                return None
        if not set(map(type, cells)) <= NUMBERS:
            return None
        codes = read_numbers(cells)  # type: ignore[arg-type]  # numbers, as checked above
        return None if find_nonfinite(codes, nan_allowed=self.missing) else codes.astype(np.float64)

    def _text_code(self, text: str) -> float:
        number = read_numbers([self.text_format.read(text)])
        if find_nonfinite(number):
            raise OverflowError(text)
        return float(number[0])

    def _to_cell(self, code: float) -> Cell:
        # The shortest decimal that reads back as the same float32.
        number = float(str(np.float32(code)))
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
