"""What the commands share that run published versions on a file: their arguments, and their notes."""

import argparse

from store import Version, find_number, read_version
from training.files.bad_rows import BadRows
from training.files.table import ReadOptions
from training.scoring.score_file import Scored, ScoredRows, score_version, target_of


def find_version(options: argparse.Namespace, number_or_alias: str) -> Version:
    """Read the version that an argument names. Raises StoreError."""
    return read_version(options.models, options.name, find_number(options.models, options.name, number_or_alias))


def print_notes(notes: list[str]) -> None:
    """Print sentences that a reader of the result has to know."""
    for note in notes:
        print(f"Note: {note}.")


def score_versions(options: argparse.Namespace, versions: list[Version]) -> tuple[ScoredRows, list[Scored]]:
    """Run versions on the rows of the file that the options name. Raises TrainingError."""
    target = options.target or target_of(options.models, versions[-1])
    columns = [column for version in versions for column in version.artifact.model.features.columns]
    names = [column.name for column in columns] + ([target] if target else [])
    reading = ReadOptions(names, options.delimiter, options.header, BadRows(skip=options.on_error == "skip"))
    rows = ScoredRows.read(options.data, reading, versions)
    return rows, [score_version(rows.data, version, target, rows.bad_rows) for version in versions]
