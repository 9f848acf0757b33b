"""`predict`: write the predictions for the rows of a file to another file."""

import argparse

from training.commands.versions import find_version, print_notes
from training.files.bad_rows import BadRows
from training.files.table import ReadOptions
from training.scoring.predict_file import predict_file


def main(options: argparse.Namespace) -> int:
    """Write the rows of a file with their predictions to another file."""
    version = find_version(options, options.version)
    bad_rows = BadRows(skip=options.on_error == "skip")
    model = version.artifact.model
    reading = ReadOptions(
        [column.name for column in model.features.columns], options.delimiter, options.header, bad_rows
    )
    rows, unseen = predict_file(model, options.data, options.out, reading)
    which = " (those of x_train, then those of x_test)" if len(rows) > 1 else ""
    print(f"Wrote the predictions of {version.name} {version.number} for {sum(rows):,} rows{which} to {options.out}")
    print_notes([*bad_rows.notes, *unseen.notes])
    return 0
