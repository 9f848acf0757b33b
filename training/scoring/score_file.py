"""The rows of a file as a published model takes them: to evaluate versions, to compare them, to predict."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow

from nn import Category, Features, Model
from nn.columns import Column, text
from store import Version
from store.version import version_folder
from training.data.dataset import CHUNK_ROWS
from training.data.from_arrays import array_codes
from training.data.from_table import read_block
from training.errors import TrainingError
from training.evaluation.scores import Outcome, predict
from training.files.read import BOOLEAN, FRACTION, TEXT, TIME, TIME_UTC, WHOLE, Arrays, Table

# What a column of a file may hold for each kind; nothing at all is always possible.
TYPES = {
    "number": (WHOLE, FRACTION),
    "boolean": (BOOLEAN,),
    "date": (TIME, TIME_UTC),
    "category": (TEXT, WHOLE, FRACTION, BOOLEAN),
}
WHOLE_NUMBER = re.compile(r"[-+]?[0-9]{1,18}(\.0*)?")


@dataclass(frozen=True)
class Block:
    """Some rows of a file: their codes (B, K), and where they come from a table, that part of it as it is stored."""

    codes: npt.NDArray[Any]
    table: pyarrow.Table | None = None


def blocks(raw: Arrays | Table, features: Features) -> Iterator[Block]:
    """Yield the rows of a file block by block. Raises TrainingError where they are not what the model takes."""
    if isinstance(raw, Arrays):
        codes = array_codes(raw.x)
        if codes.shape[1] != len(features):
            raise TrainingError(f"the data have {codes.shape[1]} values a row, the model takes {len(features)}")
        for start in range(0, len(codes), CHUNK_ROWS):
            yield Block(codes[start : start + CHUNK_ROWS])
        return
    # Which categories a file happens to have does not make numbers or dates of them.
    raw = raw.as_text(column.name for column in features.columns if isinstance(column, Category))
    for column in features.columns:
        _check_column(raw, column)
    first = 1
    taken = [column.name for column in features.columns if column.name in raw.types]
    for block in raw.read():
        codes = read_block(features, _for_model(raw, raw.typed(block, taken), block.num_rows, features))
        _check_codes(raw, features, codes, first)
        first += len(codes)
        yield Block(codes, block)


def _check_column(table: Table, column: Column) -> None:
    kind = table.types.get(column.name)
    if kind is None:
        if not column.missing:
            there = ", ".join(table.types)
            raise TrainingError(f"{table.path} has no column {column.name!r}, which the model takes; there are {there}")
    elif kind not in TYPES[column.kind] and not pyarrow.types.is_null(kind):
        raise TrainingError(f"{table.path}: column {column.name} holds {kind} values; expected {column.expected}")


def _for_model(table: Table, block: pyarrow.Table, rows: int, features: Features) -> pyarrow.Table:
    """Return the columns that a model takes: missing where there is none, whole numbers as training read them."""
    columns = []
    for column in features.columns:
        if column.name not in table.types:
            columns.append(pyarrow.nulls(rows))
            continue
        cells = block.column(column.name)
        numbers = isinstance(column, Category) and all(map(WHOLE_NUMBER.fullmatch, column.categories))
        columns.append(_whole_numbers(cells) if table.written and numbers else cells)
    return pyarrow.table(columns, names=[column.name for column in features.columns])


def _whole_numbers(cells: pyarrow.ChunkedArray) -> pyarrow.Array:
    """Write 03 and 3.0 as 3; what is no whole number stays as it is."""
    words = cells.combine_chunks().dictionary_encode()
    plain = [
        str(int(word.partition(".")[0])) if WHOLE_NUMBER.fullmatch(word) else word
        for word in words.dictionary.to_pylist()
    ]
    return pyarrow.array(plain, TEXT).take(words.indices)


def _check_codes(table: Table, features: Features, codes: npt.NDArray[Any], first: int) -> None:
    never = np.array([not column.missing for column in features.columns])
    if (wrong := np.isnan(codes) & never).any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        name = features.columns[column].name
        raise TrainingError(
            f"{table.path}, row {first + row}: {name} is missing, which training did not see: give a value,"
            " or leave the row out"
        )


def evaluate(raw: Arrays | Table, models: list[Model], target: str | None) -> list[Outcome]:
    """Run models of the same task over the rows of a file that have a target; return an outcome for each."""
    parts: list[list[Outcome]] = [[] for _ in models]
    if isinstance(raw, Table) and target is not None and any(isinstance(label, str) for label in models[0].labels):
        raw = raw.as_text([target])
    for outcomes, model in zip(parts, models, strict=True):
        start = 0
        for block in blocks(raw, model.features):
            y, known = _targets(raw, block, start, model, target)
            start += len(block.codes)
            if known.any():
                outcomes.append(predict(model, [(block.codes[known], y)]))
    if not parts[0]:
        raise TrainingError(f"no row has a value in the column {target!r} to compare with")
    return [Outcome.join(outcomes) for outcomes in parts]


def _targets(
    raw: Arrays | Table, block: Block, start: int, model: Model, target: str | None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return the targets of a block that there are, and which rows have one."""
    if isinstance(raw, Arrays):
        y = raw.y[start : start + len(block.codes)]
        return _encode(y.tolist(), model), np.ones(len(y), bool)
    if target is None or target not in raw.types:
        columns = ", ".join(raw.types)
        asked = f"has no column {target!r}" if target else "needs a --target"
        raise TrainingError(f"{raw.path} {asked} to compare with; there are {columns}")
    assert block.table is not None
    cells = raw.typed(block.table, [target]).column(target)
    return _encode(cells.drop_null().to_pylist(), model), cells.is_valid().to_numpy()


def _encode(values: list[Any], model: Model) -> npt.NDArray[Any]:
    if model.task == "regression":
        if not all(isinstance(value, int | float) for value in values):
            raise TrainingError("the target holds what is not a number; the model is a regression")
        return np.array(values, np.float32)
    places = {text(label): place for place, label in enumerate(model.labels)}
    try:
        return np.array([places[text(value)] for value in values], np.intp)
    except (KeyError, ValueError):
        strange = next(value for value in values if not _known(value, places))
        known = ", ".join(list(places)[:10])
        raise TrainingError(f"the target {strange!s} is no class of the model, which knows {known}") from None


def _known(value: Any, places: dict[str, int]) -> bool:
    return isinstance(value, str | int | float | bool) and text(value) in places


def target_of(models: Path, version: Version) -> str | None:
    """Return the column that a version was trained to predict, where it was trained on a table."""
    path = version_folder(models, version.name, version.number) / "config.toml"
    if not path.exists():
        return None
    target = tomllib.loads(path.read_text(encoding="utf-8")).get("target")
    return str(target) if target else None
