"""Reading the files in which people keep data: `.npz`, CSV and Parquet.

What comes out is what the file holds, or one sentence that says what is wrong with it and where.
"""

import csv
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

from training.errors import TrainingError

MISSING = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"]


@dataclass(frozen=True)
class Raw:
    """Values (B, …) and targets (B,); the names of the columns of a table; a test part where there is one."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    names: list[str] | None = None
    test: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None


def read_file(path: Path, target: str | None) -> Raw:
    """Read a file; `target` names the column of a table that is to be predicted. Raises TrainingError."""
    readers = {".npz": _read_npz, ".csv": _read_csv, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise TrainingError(f"{path}: give digits, or a file that ends in {', '.join(readers)}")
    try:
        if path.stat().st_size == 0:
            raise TrainingError(f"{path} is empty")
        return readers[path.suffix.lower()](path, target)
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror or error}") from error


def _read_npz(path: Path, target: str | None) -> Raw:
    if target is not None:
        raise TrainingError(f"{path}: --target names a column of a table; a .npz brings its targets as y")
    if not zipfile.is_zipfile(path):
        raise TrainingError(f"{path} is not a .npz file, or damaged")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        if "allow_pickle" in str(error):
            raise TrainingError(f"{path} holds pickled objects, which are never loaded: save plain arrays") from error
        raise TrainingError(f"{path} is damaged: {error}") from error
    for x, y in (("x_train", "y_train"), ("X", "y"), ("x", "y")):
        if x in arrays and y in arrays:
            test = (arrays["x_test"], arrays["y_test"]) if {"x_test", "y_test"} <= arrays.keys() else None
            for a, b in [(x, y), *([("x_test", "y_test")] if test else [])]:
                _check_lengths(path, a, arrays[a], b, arrays[b])
            return Raw(arrays[x], arrays[y].ravel(), test=test)
    found = ", ".join(arrays) or "nothing"
    raise TrainingError(f"{path}: expected arrays x_train and y_train, or X and y; found {found}")


def _check_lengths(path: Path, x_name: str, x: npt.NDArray[Any], y_name: str, y: npt.NDArray[Any]) -> None:
    if x.ndim < 2:
        raise TrainingError(f"{path}: {x_name} has the shape {x.shape}; expected one row for each example")
    if y.shape not in ((len(x),), (len(x), 1)):
        raise TrainingError(f"{path}: {y_name} has the shape {y.shape}, but {x_name} has {len(x)} rows")


def _read_csv(path: Path, target: str | None) -> Raw:
    bad: list[pyarrow.csv.InvalidRow] = []

    def note(row: pyarrow.csv.InvalidRow) -> str:
        bad.append(row)
        return "skip"

    try:
        table = pyarrow.csv.read_csv(
            path,
            # Rows are only numbered where they are read one after another.
            read_options=pyarrow.csv.ReadOptions(use_threads=False),
            parse_options=pyarrow.csv.ParseOptions(delimiter=_delimiter(path), invalid_row_handler=note),
            convert_options=pyarrow.csv.ConvertOptions(null_values=MISSING, strings_can_be_null=True),
        )
    except pyarrow.ArrowInvalid as error:
        raise TrainingError(f"{path} can't be read as CSV: {str(error).splitlines()[0]}") from error
    if bad:
        row = bad[0]
        raise TrainingError(
            f"{path}, line {row.number}: {row.actual_columns} values, but the header has {row.expected_columns}"
        )
    return _from_table(path, _trimmed(table), target)


def _trimmed(table: pyarrow.Table) -> pyarrow.Table:
    """Take the spaces off names and texts; what is then a word for nothing is missing."""
    columns = []
    for column in table.columns:
        if pyarrow.types.is_string(column.type):
            text = pyarrow.compute.utf8_trim_whitespace(column)
            missing = pyarrow.compute.is_in(text, pyarrow.array(MISSING))
            column = pyarrow.compute.if_else(missing, None, text)
        columns.append(column)
    return pyarrow.table(columns, names=[name.strip() for name in table.column_names])


def _delimiter(path: Path) -> str:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        header = file.readline()
    try:
        return csv.Sniffer().sniff(header, ",;\t|").delimiter
    except csv.Error:
        return ","


def _read_parquet(path: Path, target: str | None) -> Raw:
    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowInvalid as error:
        raise TrainingError(f"{path} can't be read as Parquet: {str(error).splitlines()[0]}") from error
    return _from_table(path, table, target)


def _from_table(path: Path, table: pyarrow.Table, target: str | None) -> Raw:
    columns = ", ".join(table.column_names)
    if len(set(table.column_names)) != table.num_columns:
        raise TrainingError(f"{path} has two columns of the same name: {columns}")
    if target is None:
        raise TrainingError(f"{path}: name the column to predict with --target; there are {columns}")
    if target not in table.column_names:
        raise TrainingError(f"{path} has no column {target!r}; there are {columns}")
    if table.num_rows == 0:
        raise TrainingError(f"{path} has a header but no rows")
    y = table.column(target)
    if pyarrow.types.is_binary(y.type):
        raise TrainingError(f"{path}: the target {target} holds text that is not UTF-8: save the file as UTF-8")
    if y.null_count:
        raise TrainingError(f"{path}: the target {target} is missing in line {_first_null(y) + 2}")
    table = table.drop_columns([target])
    if table.num_columns == 0:
        raise TrainingError(f"{path} has no column beside the target {target}")
    values = [_numbers(path, name, table.column(name)) for name in table.column_names]
    return Raw(np.column_stack(values), y.to_numpy(), table.column_names)


def _numbers(path: Path, name: str, column: pyarrow.ChunkedArray) -> npt.NDArray[np.float64]:
    kind = column.type
    if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)):
        raise TrainingError(f"{path}: column {name} holds {kind} values; only columns of numbers can be trained on")
    if column.null_count:
        raise TrainingError(f"{path}: column {name} has no value in line {_first_null(column) + 2}")
    return np.asarray(column.to_numpy(), np.float64)


def _first_null(column: pyarrow.ChunkedArray) -> int:
    return int(pyarrow.compute.index(column.is_null(), True).as_py())
