"""Reads a data file by its suffix: `.npz` as arrays, others as a table.

A reader is a function in a module of its own. It accepts a path and the `ReadOptions`, and returns the content of the
file or raises TrainingError with the problem and its place. A table is read block by block, as often as needed, so it
may be larger than memory.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from training.errors import TrainingError
from training.files.csv import read_csv
from training.files.json_lines import read_json_lines
from training.files.npz import Arrays, read_npz
from training.files.parquet import read_parquet
from training.files.table import GZIP_SUFFIX, ReadOptions, Table

READERS: dict[str, Callable[[Path, ReadOptions], Arrays | Table]] = {
    ".npz": read_npz,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".txt": read_csv,
    ".parquet": read_parquet,
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
}


def file_sha256(path: Path) -> str:
    """Return the digest by which the manifest of a version names its training data."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_file(path: Path, options: ReadOptions | None = None) -> Arrays | Table:
    """Read a file with the reader for its suffix. Raises TrainingError."""
    reader = READERS.get(
        path.with_suffix("").suffix.lower() if path.suffix.lower() == GZIP_SUFFIX else path.suffix.lower()
    )
    if reader is None:
        raise TrainingError(f"{path}: unknown file type; expected {', '.join(READERS)}")
    try:
        if path.stat().st_size == 0:
            raise TrainingError(f"{path} is empty")
        return reader(path, options or ReadOptions())
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror or error}") from error
