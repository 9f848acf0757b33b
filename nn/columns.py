"""The columns of a raw row: the cells that each kind accepts, and the code that represents a cell.

Each column declares its inputs (`transforms`, `one_hot_width`); `nn.features` computes the inputs of all columns.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from nn.number_format import NumberFormat
from nn.numbers import NUMBERS
from nn.text import check_name, check_text

Cell = str | int | float | bool | None
ColumnCodes = npt.NDArray[np.float64]

FORMAT_2: dict[str, Any] = {"format": 2}  # marks the settings that format 1 of the artifact does not have
WHOLE_NUMBER = re.compile(r"([-+]?[0-9]+)(\.0*)?", re.ASCII)


class LinearTransform(NamedTuple):
    """One input computed from a value v of a column: (v - offset) * scale, clipped to [low, high]."""

    offset: float = 0.0
    scale: float = 1.0
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Column:
    """The name, whether training saw missing values (only then is null accepted), and the code that replaces them.

    `nothing` are the texts that meant a missing value in training.
    """

    name: str
    missing: bool = False
    fill_value: float = field(default=0.0, metadata={"key": "fill"})  # the key in format 1 of the artifact
    nothing: tuple[str, ...] = field(default=(), metadata=FORMAT_2)

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        check_name(self.name, "the name of a column")
        if not isinstance(self.missing, bool):
            raise TypeError(f"column {self.name!r}: missing must be a boolean")
        if self.nothing and not self.missing:
            raise ValueError(f"column {self.name!r} accepts no missing values, but has texts for them")
        for word in self.nothing:
            check_text(word, f"column {self.name!r}")
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

    @property
    def expected(self) -> str:
        """The cells that a request may have, in words."""
        raise NotImplementedError

    def read(self, cells: Sequence[Cell]) -> ColumnCodes | None:
        """Turn the cells of a request into codes (B,), or return None if this column rejects any of them."""
        if self.nothing:
            cells = [None if type(cell) is str and cell.strip() in self.nothing else cell for cell in cells]
        return self._read(cells)

    def read_text(self, text: str) -> float:
        """Turn a cell of a text file, without spaces around it, into its code. Raises ValueError or OverflowError."""
        return math.nan if text in self.nothing else self._text_code(text)

    def _read(self, cells: Sequence[Cell]) -> ColumnCodes | None:
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

    def _text_code(self, text: str) -> float:
        return self._code(text)

    def _to_cell(self, code: float) -> Cell:
        raise NotImplementedError


@dataclass(frozen=True)
class Boolean(Column):
    """True or false; if training saw them as the numbers 1 and 0, these too."""

    numbers: bool = field(default=False, metadata=FORMAT_2)

    kind = "boolean"

    @property
    def expected(self) -> str:
        """True or false, and what may stand for them."""
        return "true or false, or 1 or 0" if self.numbers else "true or false"

    def _code(self, cell: Any) -> float:
        if type(cell) is not bool and not (self.numbers and type(cell) in NUMBERS and cell in (0, 1)):
            raise ValueError(cell)
        return float(cell)

    def _text_code(self, text: str) -> float:
        if (word := text.lower()) in ("true", "false"):
            return float(word == "true")
        return self._code(NumberFormat().read(text))

    def _to_cell(self, code: float) -> Cell:
        return int(code) if self.numbers else bool(code)


@dataclass(frozen=True)
class Category(Column):
    """One of several values, compared as text: one-hot, with one more input for values that training did not see.

    If training saw only numbers, codes such as "03", or booleans, text is compared as what it is: "03" is 3.
    """

    categories: tuple[str, ...] = ()
    numbers: bool = field(default=False, metadata=FORMAT_2)

    kind = "category"

    @property
    def expected(self) -> str:
        """Any text, number or boolean."""
        return "a string, a number or a boolean"

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
        keys = map(number_text, self.categories) if self.numbers else self.categories
        return {value: code for code, value in enumerate(keys)}

    def _code(self, cell: Any) -> float:
        value = cell if type(cell) is str else text(cell)
        return self._codes.get(number_text(value) if self.numbers else value, len(self.categories))

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


def number_text(value: str) -> str:
    """Return text that is a number or a boolean as JSON has it: "03" and "3.0" as "3", "True" as "true"."""
    try:
        if integer := WHOLE_NUMBER.fullmatch(value):
            return str(int(integer[1]))
        return text(NumberFormat().read(value))
    except (ValueError, OverflowError):
        return value.lower() if value.lower() in ("true", "false") else value
