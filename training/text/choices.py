"""What a user decides about the columns of a table, instead of what training would find."""

from collections.abc import Collection
from dataclasses import dataclass

from training.errors import TrainingError

COLUMN_OPTIONS = ("drop", "numbers", "categories", "dates")  # each names columns


@dataclass(frozen=True)
class Choices:
    """Columns to leave out, or to read as numbers, categories or dates; and what is meant where two things may be.

    `decimal` is the decimal separator, `dayfirst` whether 01/02/2024 is in February.
    """

    drop: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    decimal: str | None = None
    dayfirst: bool | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are named in any of the lists."""
        return tuple(name for option in COLUMN_OPTIONS for name in getattr(self, option))

    def check(self, names: Collection[str], target: str) -> None:
        """Raise TrainingError unless the columns exist, and each is named once."""
        for option in COLUMN_OPTIONS:
            for name in getattr(self, option):
                if name not in names:
                    raise TrainingError(f"{option}: there is no column {name!r}; the columns are {', '.join(names)}")
                if self.named.count(name) > 1:
                    raise TrainingError(f"column {name} is named twice in {', '.join(COLUMN_OPTIONS)}")
        if target in self.drop:
            raise TrainingError(f"drop: {target} is the target; name another target, or do not drop it")
