"""Rows that can't be read, and the numbers of the others."""

import numpy as np
import pytest

from training import TrainingError
from training.files.bad_rows import BadRows


def test_the_first_problem_is_raised_unless_rows_are_skipped() -> None:
    with pytest.raises(TrainingError, match=r"data\.csv, row 3: no number"):
        BadRows().add("data.csv", "row", 3, "no number")
    bad_rows = BadRows(skip=True)
    assert bad_rows.notes == []
    for _ in range(2):  # a file may be read twice
        for row in range(3, 10):
            bad_rows.add("data.csv", "row", row, "no number")
    assert bad_rows.count == 7
    (note,) = bad_rows.notes
    assert note.startswith("7 rows were skipped: row 3: no number; row 4: no number;")
    assert note.endswith("row 7: no number; …")


def test_rows_after_lines_that_are_no_rows_keep_their_numbers(rng: np.random.Generator) -> None:
    for _ in range(20):
        is_row = rng.random(30) < 0.7
        bad_rows = BadRows(skip=True)
        for row in np.flatnonzero(~is_row) + 1:
            bad_rows.add_line("data.csv", int(row) + 1, int(row), "expected 3 values, got 2")
        in_file = bad_rows.numbers_in_file(np.arange(1, is_row.sum() + 1))
        assert in_file.tolist() == (np.flatnonzero(is_row) + 1).tolist()
