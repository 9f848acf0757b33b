"""Rows of a file that cannot be read: the first one ends the command, or all are skipped, counted and named."""

from training.errors import TrainingError

NAMED = 5  # problems in the message


class BadRows:
    """Takes the problems of rows. Without `skip`, the first one is raised as TrainingError."""

    def __init__(self, *, skip: bool = False) -> None:
        self.skip = skip
        self._places = set[tuple[str, int]]()
        self._problems: list[str] = []

    def add(self, path: object, unit: str, number: int, problem: str) -> None:
        """Note the problem of the row (or line) with a number, once. Raises TrainingError unless rows are skipped."""
        if not self.skip:
            raise TrainingError(f"{path}, {unit} {number}: {problem}")
        if (unit, number) not in self._places and len(self._problems) < NAMED:
            self._problems.append(f"{unit} {number}: {problem}")
        self._places.add((unit, number))

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
