"""Data from where people keep them: scikit-learn's digits, `.npz`, CSV and Parquet files.

Whatever the source, what comes out is raw rows of numbers and class numbers, or one sentence that
says what is wrong with the file and where.
"""

import csv
import hashlib
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
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from nn.features import Float32, read_numbers
from nn.model import Label
from training.errors import TrainingError

TEST_SHARE = 0.2
MISSING = ["", "?", "NA", "N/A", "NaN", "nan", "null", "NULL"]


@dataclass(frozen=True)
class Part:
    """Raw rows (B, I) and class numbers (B,)."""

    rows: Float32
    classes: npt.NDArray[np.intp]


@dataclass(frozen=True)
class DataSet:
    """A training part and a test part, the names of the columns (None for a grid, such as pixels) and the labels."""

    train: Part
    test: Part
    names: list[str] | None
    labels: tuple[Label, ...]
    source: dict[str, Any]


@dataclass(frozen=True)
class _Raw:
    """What a file holds: values (B, …) and targets (B,), with a test part where it brings one."""

    x: npt.NDArray[Any]
    y: npt.NDArray[Any]
    names: list[str] | None = None
    test: tuple[npt.NDArray[Any], npt.NDArray[Any]] | None = None


def load(data: str, target: str | None, seed: int) -> DataSet:
    """Load `digits` or a file, and split off a test part where it brings none."""
    if data == "digits":
        digits = load_digits()
        raw, source = _Raw(digits.images, digits.target), {"source": "digits"}
    else:
        path = Path(data)
        raw, source = _read(path, target), {"source": path.name, "sha256": _digest(path)}
    y_train, labels = _encode(raw.y)
    train = Part(_rows(raw.x, raw.names), y_train)
    if raw.test is None:
        train, test = _split(train, labels, seed)
    else:
        test = Part(_rows(raw.test[0], raw.names), _encode_as(raw.test[1], labels))
        if test.rows.shape[1] != train.rows.shape[1]:
            raise TrainingError(f"x_train has {train.rows.shape[1]} values a row, x_test {test.rows.shape[1]}")
    grid = raw.names is None and (raw.x.ndim > 2 or raw.x.dtype == np.uint8)
    names = None if grid else raw.names or [f"x{i}" for i in range(train.rows.shape[1])]
    return DataSet(train, test, names, labels, source)


def _read(path: Path, target: str | None) -> _Raw:
    readers = {".npz": _read_npz, ".csv": _read_csv, ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise TrainingError(f"{path}: give digits, or a file that ends in {', '.join(readers)}")
    try:
        if path.stat().st_size == 0:
            raise TrainingError(f"{path} is empty")
        return readers[path.suffix.lower()](path, target)
    except OSError as error:
        raise TrainingError(f"{path} can't be read: {error.strerror or error}") from error


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _read_npz(path: Path, target: str | None) -> _Raw:
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
            return _Raw(arrays[x], arrays[y].ravel(), test=test)
    found = ", ".join(arrays) or "nothing"
    raise TrainingError(f"{path}: expected arrays x_train and y_train, or X and y; found {found}")


def _check_lengths(path: Path, x_name: str, x: npt.NDArray[Any], y_name: str, y: npt.NDArray[Any]) -> None:
    if x.ndim < 2:
        raise TrainingError(f"{path}: {x_name} has the shape {x.shape}; expected one row for each example")
    if y.shape not in ((len(x),), (len(x), 1)):
        raise TrainingError(f"{path}: {y_name} has the shape {y.shape}, but {x_name} has {len(x)} rows")


def _read_csv(path: Path, target: str | None) -> _Raw:
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
    return _from_table(path, table, target)


def _delimiter(path: Path) -> str:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        header = file.readline()
    try:
        return csv.Sniffer().sniff(header, ",;\t|").delimiter
    except csv.Error:
        return ","


def _read_parquet(path: Path, target: str | None) -> _Raw:
    try:
        table = pyarrow.parquet.read_table(path)
    except pyarrow.ArrowInvalid as error:
        raise TrainingError(f"{path} can't be read as Parquet: {str(error).splitlines()[0]}") from error
    return _from_table(path, table, target)


def _from_table(path: Path, table: pyarrow.Table, target: str | None) -> _Raw:
    columns = ", ".join(table.column_names)
    if target is None:
        raise TrainingError(f"{path}: name the column to predict with --target; there are {columns}")
    if target not in table.column_names:
        raise TrainingError(f"{path} has no column {target!r}; there are {columns}")
    if table.num_rows == 0:
        raise TrainingError(f"{path} has a header but no rows")
    y = table.column(target)
    if y.null_count:
        raise TrainingError(f"{path}: the target {target} is missing in line {_first_null(y) + 2}")
    table = table.drop_columns([target])
    if table.num_columns == 0:
        raise TrainingError(f"{path} has no column beside the target {target}")
    values = [_numbers(path, name, table.column(name)) for name in table.column_names]
    return _Raw(np.column_stack(values), y.to_numpy(), table.column_names)


def _numbers(path: Path, name: str, column: pyarrow.ChunkedArray) -> npt.NDArray[np.float64]:
    kind = column.type
    if not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)):
        raise TrainingError(f"{path}: column {name} holds {kind} values; only columns of numbers can be trained on")
    if column.null_count:
        raise TrainingError(f"{path}: column {name} has no value in line {_first_null(column) + 2}")
    return np.asarray(column.to_numpy(), np.float64)


def _first_null(column: pyarrow.ChunkedArray) -> int:
    return int(pyarrow.compute.index(column.is_null(), True).as_py())


def _rows(x: npt.NDArray[Any], names: list[str] | None) -> Float32:
    """Flatten (B, …) to raw rows (B, I) of finite float32 numbers."""
    if not (np.issubdtype(x.dtype, np.number) and np.isrealobj(x)):
        raise TrainingError(f"the data hold {x.dtype} values; only numbers can be trained on")
    rows = read_numbers(x.reshape(len(x), -1))
    if not rows.size:
        raise TrainingError("the data have no rows")
    if not (finite := np.isfinite(rows)).all():
        row, column = (int(i) for i in np.argwhere(~finite)[0])
        place = f"row {row}, {names[column] if names else f'value {column}'}"
        raise TrainingError(f"the data hold NaN, infinity or a number too large for float32: first in {place}")
    return rows


def _encode(y: npt.NDArray[Any]) -> tuple[npt.NDArray[np.intp], tuple[Label, ...]]:
    """Number the classes in the order of their labels, which keep their type."""
    if np.issubdtype(y.dtype, np.floating) and not np.array_equal(y, np.floor(y)):
        raise TrainingError("the targets are not classes but fractions; only classification can be trained")
    if y.dtype == object:
        y = np.array(y.tolist())
    values, classes = np.unique(y, return_inverse=True)
    labels = tuple(values.tolist())
    if not labels:
        raise TrainingError("the data have no rows")
    if not isinstance(labels[0], str | int | float | bool):
        raise TrainingError(f"the targets are {y.dtype} values; expected strings, whole numbers or booleans")
    if len(labels) < 2:
        raise TrainingError(f"the targets are all {labels[0]!r}: there is nothing to tell apart")
    return classes.astype(np.intp), labels


def _encode_as(y: npt.NDArray[Any], labels: tuple[Label, ...]) -> npt.NDArray[np.intp]:
    """Number the classes of a test part as those of the training part."""
    known = np.array(labels)
    classes = np.searchsorted(known, y.ravel())
    if not np.array_equal(known[np.minimum(classes, len(known) - 1)], y.ravel()):
        raise TrainingError("y_test holds a class that y_train does not")
    return classes


def _split(part: Part, labels: tuple[Label, ...], seed: int) -> tuple[Part, Part]:
    """Split off a test part in which every class has its share."""
    counts = np.bincount(part.classes)
    if counts.min() < 2:
        raise TrainingError(
            f"class {labels[int(counts.argmin())]!r} has one row only; at least two are needed, one to test with"
        )
    test_rows = max(round(len(part.rows) * TEST_SHARE), len(labels))
    x_train, x_test, y_train, y_test = train_test_split(
        part.rows, part.classes, test_size=test_rows, stratify=part.classes, random_state=seed
    )
    return Part(x_train, y_train), Part(x_test, y_test)
