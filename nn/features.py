"""How a raw row becomes numbers: fitted in training, kept in the artifact, applied by the service.

The same code runs in both halves, in float32, so that a row gives the same bits in both.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


def read_numbers(values: npt.ArrayLike) -> Float32:
    """Round numbers to float32 by way of float64, as a reader of JSON does; too large is infinite."""
    exact = isinstance(values, np.ndarray) and np.can_cast(values.dtype, np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(values if exact else np.asarray(values, np.float64), np.float32)


@dataclass(frozen=True)
class Number:
    """A number, scaled to (value - offset) * scale."""

    name: str
    offset: float = 0.0
    scale: float = 1.0
    kind: str = "number"

    def __post_init__(self) -> None:
        if self.kind != "number":
            raise ValueError(f"feature {self.name!r} is of the unknown kind {self.kind!r}")
        if not (isinstance(self.name, str) and np.isfinite([self.offset, self.scale]).all()):
            raise ValueError(f"feature {self.name!r} needs a name and a finite offset and scale")


class Features:
    """The columns of a raw row in their order, and what is done to each."""

    __slots__ = ("_offset", "_scale", "columns")

    def __init__(self, columns: Sequence[Number]) -> None:
        self.columns = tuple(columns)
        if len({column.name for column in self.columns}) != len(self.columns):
            raise ValueError("two features have the same name")
        self._offset = np.array([column.offset for column in self.columns], np.float32)
        self._scale = np.array([column.scale for column in self.columns], np.float32)

    @classmethod
    def plain(cls, width: int) -> Self:
        """Take `width` numbers as they are."""
        return cls([Number(f"x{i}") for i in range(width)])

    @classmethod
    def fit_table(cls, rows: Float32, names: Sequence[str]) -> Self:
        """Scale each column of rows (B, I) to mean 0 and deviation 1; ignore a constant one."""
        offset = rows.mean(axis=0, dtype=np.float64)
        deviation = rows.std(axis=0, dtype=np.float64)
        scale = 1 / np.maximum(deviation, np.finfo(np.float32).tiny)
        scale[rows.min(axis=0) == rows.max(axis=0)] = 0
        return cls._fitted(names, offset, scale)

    @classmethod
    def fit_grid(cls, rows: Float32) -> Self:
        """Scale rows (B, I) of one unit, such as pixels, from their common range to 0 … 1."""
        low, high = float(rows.min()), float(rows.max())
        scale = 1 / (high - low) if high > low else 0.0
        width = rows.shape[1]
        return cls._fitted([f"x{i}" for i in range(width)], np.full(width, low), np.full(width, scale))

    @classmethod
    def _fitted(cls, names: Sequence[str], offset: npt.NDArray[Any], scale: npt.NDArray[Any]) -> Self:
        fitted = zip(names, offset.astype(np.float32), scale.astype(np.float32), strict=True)
        return cls([Number(name, float(o), float(s)) for name, o, s in fitted])

    def __len__(self) -> int:
        return len(self.columns)

    def inputs(self, rows: Float32) -> Float32:
        """Turn raw rows (B, I) into the network's inputs (B, I)."""
        with np.errstate(over="ignore", invalid="ignore"):
            x: Float32 = rows - self._offset
            x *= self._scale
            return x

    def to_config(self) -> list[dict[str, Any]]:
        """Return what the artifact keeps: one record a column."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_config(cls, config: list[dict[str, Any]]) -> Self:
        """Rebuild from `to_config`."""
        return cls([Number(**column) for column in config])
