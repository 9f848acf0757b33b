"""Rows of a file that cannot be read: the first one ends the command, or all are skipped, counted and named.

A row with a wrong number of cells never becomes part of a table, so it is told by its line, and the rows after it have
other numbers in the file than in the table.
"""

import numpy as np
from numpy.typing import NDArray

from training.errors import TrainingError

NAMED = 5  # problems in the message


class BadRows:
    """Takes the problems of rows. Without `skip`, the first one is raised as TrainingError."""

    def __init__(self, *, skip: bool = False) -> None:
        self.skip = skip
        self._places = set[tuple[str, int]]()
        self._problems: list[str] = []
        self._absent: list[int] = []

    def add(self, path: object, unit: str, number: int, problem: str) -> None:
        """Note the problem of the row (or line) with a number, once. Raises TrainingError unless rows are skipped."""
        if not self.skip:
            raise TrainingError(f"{path}, {unit} {number}: {problem}")
        if (unit, number) not in self._places and len(self._problems) < NAMED:
            self._problems.append(f"{unit} {number}: {problem}")
        self._places.add((unit, number))

    def add_line(self, path: object, line: int, row: int, problem: str) -> None:
        """Note the problem of a line that is no row of the table, but would have been the one with this number."""
        is_new = ("line", line) not in self._places
        self.add(path, "line", line, problem)
        if is_new:
            self._absent.append(row)

    def numbers_in_file(self, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the numbers in the file of rows with these numbers in the table."""
        before = np.array(self._absent, np.intp) - np.arange(len(self._absent))
        return np.asarray(numbers + np.searchsorted(before, numbers, side="right"), np.intp)

    @property
    def count(self) -> int:
        """The number of rows that were skipped."""
        return len(self._places)

    @property
    def notes(self) -> list[str]:
        """A sentence on the rows that were skipped, if there are any."""
        more = "; …" if self.count > len(self._problems) else ""
        rows = f"{self.count:,} row{'s were' if self.count > 1 else ' was'}"
        return [f"{rows} skipped: {'; '.join(self._problems)}{more}"] if self.count else []
