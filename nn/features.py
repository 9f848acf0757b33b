"""How a raw row becomes numbers: fitted in training, kept in the artifact, applied by the service.

A raw row is a list of cells, one a column. `read` turns rows into codes (B, K), `inputs` turns
codes into what the network takes (B, I). The same code runs in both halves, in float32, so that a
row gives the same bits in both.
"""

import dataclasses
from collections.abc import Sequence
from functools import cache
from itertools import chain
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from nn.columns import KINDS, NUMBERS, Cell, Column, Float32, Number, read_numbers

Codes = npt.NDArray[Any]  # float64, or where all columns are numbers float32 or what it holds exactly, such as bytes


class Features:
    """The columns of a raw row in their order, and the names of those that training saw but dropped."""

    def __init__(self, columns: Sequence[Column], dropped: Sequence[str] = ()) -> None:
        self.columns, self.dropped = tuple(columns), tuple(dropped)
        names = [*(column.name for column in self.columns), *self.dropped]
        if not self.columns or len(set(names)) != len(names):
            raise ValueError("two features have the same name" if self.columns else "there are no features")
        # Rows of numbers alone are read and scaled as one block: most are, and images are wide.
        self.only_numbers = all(type(column) is Number and not column.missing for column in self.columns)
        self._prepare_transforms()
        self._prepare_one_hot()
        self._nullable = np.array([j for j, column in enumerate(self.columns) if column.missing], np.intp)
        self.width = len(self._offset) + self._one_hot_width + len(self._nullable)

    @classmethod
    def plain(cls, width: int) -> Self:
        """Take `width` numbers as they are."""
        return cls([Number(f"x{i}") for i in range(width)])

    def __len__(self) -> int:
        return len(self.columns)

    def read(self, rows: Sequence[Sequence[Cell]]) -> Codes | None:
        """Turn rows of K cells into codes (B, K), or return None where a cell is not what its column takes."""
        if self.only_numbers:
            if not set(map(type, chain.from_iterable(rows))) <= NUMBERS:
                return None
            block = read_numbers(rows)  # type: ignore[arg-type]  # numbers, as just seen
            return block if np.isfinite(block).all() else None
        codes = np.empty((len(rows), len(self.columns)))
        for j, (column, cells) in enumerate(zip(self.columns, zip(*rows, strict=True), strict=True)):
            read = column.read(cells)
            if read is None:
                return None
            codes[:, j] = read
        return codes

    def to_cells(self, codes: Codes) -> list[list[Cell]]:
        """Return rows that read as these codes (B, K)."""
        return [[column.to_cell(float(code)) for column, code in zip(self.columns, row, strict=True)] for row in codes]

    def inputs(self, codes: Codes) -> Float32:
        """Turn codes (B, K) into the network's inputs (B, I)."""
        x = np.empty((len(codes), self.width), np.float32)
        self.encode(codes, x)
        return x

    def encode(self, codes: Codes, out: Float32) -> None:
        """Write the inputs of codes (B, K) into `out` (B, I): transforms, then one-hot, then missing indicators."""
        ends = len(self._offset), len(self._offset) + self._one_hot_width
        scaled, one_hot, missing_indicators = out[:, : ends[0]], out[:, ends[0] : ends[1]], out[:, ends[1] :]
        values = codes if self.only_numbers else self._values(codes)
        with np.errstate(over="ignore", invalid="ignore"):
            np.subtract(values if self._source is None else values[:, self._source], self._offset, out=scaled)
            np.multiply(scaled, self._scale, out=scaled)
        if self._bounded:
            np.clip(scaled, self._low, self._high, out=scaled)
        if self._one_hot_width:
            one_hot[:] = 0
            chosen = codes[:, self._categories]
            rows, which = np.nonzero(chosen == chosen)  # NaN, a missing value, is unequal to itself: no 1 for it
            one_hot[rows, self._first[which] + chosen[rows, which].astype(np.intp)] = 1
        if len(self._nullable):
            np.isnan(codes[:, self._nullable], out=missing_indicators)

    def to_config(self) -> dict[str, Any]:
        """Return what the artifact keeps: of each column what differs from the defaults of its kind."""
        return {"columns": [_record(column) for column in self.columns], "dropped": list(self.dropped)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Rebuild from `to_config`."""
        columns = []
        for record in config["columns"]:
            fields = dict(record)
            kind = fields.pop("kind")
            if kind not in KINDS:
                raise ValueError(f"feature {fields.get('name')!r} is of the unknown kind {kind!r}")
            known = _fields(kind)
            if unknown := sorted(fields.keys() - known.keys()):
                raise ValueError(f"feature {fields.get('name')!r} has the unknown setting {unknown[0]!r}")
            columns.append(KINDS[kind](**{known[key].name: value for key, value in fields.items()}))
        return cls(columns, config["dropped"])

    def _values(self, codes: Codes) -> Float32:
        """Fill what is missing, and let each column make its values: (B, K) -> (B, V)."""
        values = np.empty((len(codes), self._value_count), np.float32)
        for j, column, part in self._valued:
            cells = codes[:, j]
            values[:, part] = column.values(
                np.where(np.isnan(cells), column.fill_value, cells) if column.missing else cells
            )
        return values

    def _prepare_transforms(self) -> None:
        """Lay out the arithmetic of all transforms at once: which value each takes, offset, scale and bounds."""
        self._valued: list[tuple[int, Column, slice]] = []
        transforms, source, first = [], [], 0
        for j, column in enumerate(self.columns):
            if column.transforms:
                transforms += column.transforms
                source += [first + transform.value for transform in column.transforms]
                self._valued.append((j, column, slice(first, max(source) + 1)))
                first = max(source) + 1
        self._value_count = first
        # Where each value has one transform, there is nothing to select.
        self._source = None if source == [*range(first)] else np.array(source, np.intp)
        table = np.array([transform[1:] for transform in transforms], np.float32).reshape(-1, 4)
        self._offset, self._scale, self._low, self._high = (np.ascontiguousarray(part) for part in table.T)
        self._bounded = bool(np.isfinite(table[:, 2:]).any())

    def _prepare_one_hot(self) -> None:
        """Find where the one-hot inputs of each category begin."""
        widths = [column.one_hot_width for column in self.columns]
        self._categories = np.flatnonzero(widths)
        self._one_hot_width = sum(widths)
        self._first = np.cumsum([0, *widths])[:-1][self._categories]


@cache
def _fields(kind: str) -> dict[str, dataclasses.Field[Any]]:
    """Return the fields of a kind by the keys that they have in files."""
    return {field.metadata.get("key", field.name): field for field in dataclasses.fields(KINDS[kind])}


def _record(column: Column) -> dict[str, Any]:
    given = {
        key: value
        for key, field in _fields(column.kind).items()
        if (value := getattr(column, field.name)) != field.default
    }
    return {"kind": column.kind, **given}
