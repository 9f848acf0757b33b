"""Features: the conversion of raw rows to the inputs of the network.

Theory of operation
-------------------
    raw rows --read--> codes (B, K) --encode--> inputs (B, I)

A raw row has one cell for each of the K columns. A code represents a cell as one number:

    number      the number itself, rounded to float32 when it is read
    boolean     0 or 1
    category    the index of the value; one past the last index for a value that training did not see
    date        the seconds since 1970
    missing     NaN, in a column of any kind

Codes are float64, because float32 cannot resolve the seconds since 1970. If all columns are numbers, codes may have any
type that converts to float32 exactly, such as the bytes of images.

The inputs form three blocks; within each, the columns keep their order:

    transforms          (v - offset) * scale, clipped to [low, high], for each transform of a value v of the column
    one-hot             one per category, and one for unseen values; all 0 if the cell is missing
    missing indicators  1 if the cell is missing, for each column that accepts missing values; v is then computed from
                        `fill_value`

Responsibilities
- Training fits the columns (`training.data.columns`: fill values, offsets, scales, edges, categories) on the training
  set only, and reads whole columns of a file into the same codes.
- A column (`nn.columns`) defines the cells that it accepts and its transforms. It is immutable.
- `Features` lays out the arithmetic of all columns once, in its constructor; `encode` runs it for a block of rows.
- The artifact stores `to_config`: for each column, the settings that differ from the defaults of its kind.

Invariants
- The inputs of a row are bit-identical in training and in the service, regardless of the batch: both run this code, in
  float32, and no input depends on another row.
- `read` accepts all rows or returns None; the caller then locates the invalid cells.
- Codes are finite, or NaN if the column accepts missing values. Inputs may still overflow to infinity.
- `Features` is immutable after construction, and may be shared by threads.
"""

import dataclasses
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nn.columns import Boolean, Category, Cell, Column
from nn.date_column import Date
from nn.number_column import Number
from nn.numbers import NUMBERS, Float32, find_nonfinite, read_numbers
from nn.text import check_name

Codes = npt.NDArray[Any]
KINDS: dict[str, type[Column]] = {kind.kind: kind for kind in (Number, Boolean, Category, Date)}


class Features:
    """The columns of a raw row in order, and the names of the columns that training dropped."""

    def __init__(self, columns: Sequence[Column], dropped: Sequence[str] = ()) -> None:
        self.columns, self.dropped = tuple(columns), tuple(dropped)
        for name in self.dropped:
            check_name(name, "the name of a dropped column")
        names = [*(column.name for column in self.columns), *self.dropped]
        if not self.columns or len(set(names)) != len(names):
            raise ValueError("feature names must be unique" if self.columns else "at least one feature is required")
        # If all columns are numbers, rows are read and scaled as one block. This is common, and images are wide.
        self.only_numbers = all(type(column) is Number and not column.missing for column in self.columns)
        self.accept_text = any(isinstance(column, Number) and column.decimal for column in self.columns)
        self._lay_out_transforms()
        widths = [column.one_hot_width for column in self.columns]
        self._categories = np.flatnonzero(widths)
        self._unseen = np.array(widths)[self._categories] - 1  # codes
        self.category_names = [self.columns[j].name for j in self._categories]
        self._first = np.cumsum([0, *widths])[self._categories]
        self.nullable = np.flatnonzero([column.missing for column in self.columns])
        ends = np.cumsum([len(self._offset), sum(widths), len(self.nullable)]).tolist()
        self._transformed, self._one_hot, self.indicators = map(slice, [0, *ends], ends)
        self.width = int(ends[-1])

    @classmethod
    def plain(cls, width: int) -> Self:
        """Return features that pass `width` numbers on unchanged."""
        return cls([Number(f"x{i}") for i in range(width)])

    def __len__(self) -> int:
        return len(self.columns)

    def read(self, rows: Sequence[Sequence[Cell]]) -> Codes | None:
        """Turn rows of K cells into codes (B, K), or return None if a column rejects a cell."""
        if self.only_numbers and set(map(type, chain.from_iterable(rows))) <= NUMBERS:
            block = read_numbers(rows)  # type: ignore[arg-type]  # numbers, as checked above
            return None if find_nonfinite(block) else block
        if self.only_numbers and not self.accept_text:
            return None
        codes = np.empty((len(rows), len(self.columns)))
        for j, (column, cells) in enumerate(zip(self.columns, zip(*rows, strict=True), strict=True)):
            read = column.read(cells)
            if read is None:
                return None
            codes[:, j] = read
        return codes

    def to_cells(self, codes: Codes) -> list[list[Cell]]:
        """Return rows that `read` turns into these codes (B, K)."""
        return [[column.to_cell(float(code)) for column, code in zip(self.columns, row, strict=True)] for row in codes]

    def count_unseen(self, codes: Codes) -> npt.NDArray[np.intp]:
        """Count the cells of codes (B, K) whose value training has not seen, for each of `category_names`."""
        return np.asarray((codes[:, self._categories] == self._unseen).sum(axis=0))

    def inputs(self, codes: Codes) -> Float32:
        """Turn codes (B, K) into the network's inputs (B, I)."""
        x = np.empty((len(codes), self.width), np.float32)
        self.encode(codes, x)
        return x

    def encode(self, codes: Codes, out: Float32) -> None:
        """Write the inputs of codes (B, K) into `out` (B, I): transforms, then one-hot, then missing indicators."""
        scaled = out[:, self._transformed]
        with np.errstate(over="ignore", invalid="ignore"):
            np.subtract(self._values(codes), self._offset, out=scaled)
            np.multiply(scaled, self._scale, out=scaled)
        if self._bounded:
            np.clip(scaled, self._low, self._high, out=scaled)
        if len(self._categories):
            one_hot = out[:, self._one_hot]
            one_hot[:] = 0
            chosen = codes[:, self._categories]
            rows, which = np.nonzero(chosen == chosen)  # NaN (missing) is unequal to itself: no 1 is set
            one_hot[rows, self._first[which] + chosen[rows, which].astype(np.intp)] = 1
        if len(self.nullable):
            np.isnan(codes[:, self.nullable], out=out[:, self.indicators])

    def _values(self, codes: Codes) -> Codes:
        """Return the values of all transforms (B, T), computed by each column after missing cells are filled."""
        if self.only_numbers:
            return codes if self._one_each else codes[:, self._column_of]
        values = np.empty((len(codes), len(self._offset)), np.float32)
        for j, column, part in self._valued:
            cells = codes[:, j]
            if column.missing:
                cells = np.where(np.isnan(cells), column.fill_value, cells)
            values[:, part] = column.values(cells)
        return values

    def _lay_out_transforms(self) -> None:
        """Collect the offsets, scales and bounds of all transforms in arrays (T,), and map columns to transforms."""
        transforms = [column.transforms for column in self.columns]
        table = np.array([*chain.from_iterable(transforms)], np.float32).reshape(-1, 4)
        self._offset, self._scale, self._low, self._high = (np.ascontiguousarray(part) for part in table.T)
        self._bounded = bool(np.isfinite(table[:, 2:]).any())
        counts = [len(of_column) for of_column in transforms]
        self._column_of = np.repeat(np.arange(len(counts)), counts)
        self._one_each = set(counts) == {1}
        ends = np.cumsum(counts).tolist()
        parts = zip(self.columns, map(slice, [0, *ends], ends), strict=False)
        self._valued = [(j, column, part) for j, (column, part) in enumerate(parts) if counts[j]]

    @property
    def format(self) -> int:
        """The format of the artifact that can express the columns."""
        return max(_format(**_record(column)) for column in self.columns)

    def to_config(self) -> dict[str, Any]:
        """Return the columns as the artifact stores them: the settings that differ from the defaults of their kind."""
        return {"columns": [_record(column) for column in self.columns], "dropped": list(self.dropped)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `to_config`."""
        return cls([_from_record(**record) for record in config["columns"]], config["dropped"])


@cache
def _fields(kind: str) -> dict[str, dataclasses.Field[Any]]:
    """Return the fields of a kind by their keys in the artifact."""
    return {field.metadata.get("key", field.name): field for field in dataclasses.fields(KINDS[kind])}


def _record(column: Column) -> dict[str, Any]:
    """Return the kind of a column and the settings that differ from its defaults."""
    values = {key: getattr(column, field.name) for key, field in _fields(column.kind).items()}
    given = {key: value for key, value in values.items() if value != _fields(column.kind)[key].default}
    return {"kind": column.kind, **given}


def _format(kind: str, **settings: Any) -> int:
    """Return the first format of the artifact that has all these settings of a column."""
    return max((_fields(kind)[key].metadata.get("format", 1) for key in settings), default=1)


def _from_record(kind: str, **settings: Any) -> Column:
    """Rebuild a column from its `_record`, in which JSON has turned tuples into lists."""
    if kind not in KINDS:
        raise ValueError(f"feature {settings.get('name')!r}: unknown kind {kind!r}; expected {', '.join(KINDS)}")
    fields = _fields(kind)
    if unknown := sorted(settings.keys() - fields.keys()):
        raise ValueError(f"feature {settings.get('name')!r}: unknown setting {unknown[0]!r}")
    given = ((fields[key].name, value) for key, value in settings.items())
    values: dict[str, Any] = {name: tuple(value) if type(value) is list else value for name, value in given}
    return KINDS[kind](**values)
