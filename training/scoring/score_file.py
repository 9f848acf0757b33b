"""Runs published models over the rows of a file that have a target, and scores their predictions."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Model
from nn.columns import text
from store import Version
from store.version import version_folder
from training.errors import TrainingError
from training.evaluation.scores import EvaluationResult, evaluate_model
from training.files.npz import Arrays
from training.files.table import Table
from training.scoring.blocks import Block, read_blocks


def score_file(data: Arrays | Table, models: list[Model], target: str | None) -> list[EvaluationResult]:
    """Run models of the same task over the rows of a file that have a target; return a result for each model."""
    if isinstance(data, Table) and target is not None and any(isinstance(label, str) for label in models[0].labels):
        data = data.as_text([target])
    results = [list(_score(data, model, target)) for model in models]
    if not results[0]:
        raise TrainingError(f"no row has a value in the column {target!r} to compare with")
    return [EvaluationResult.concatenate(blocks) for blocks in results]


def _score(data: Arrays | Table, model: Model, target: str | None) -> Iterator[EvaluationResult]:
    """Yield the results of one model, block by block."""
    start = 0
    for block in read_blocks(data, model.features):
        y, has_target = _targets(data, block, start, model, target)
        start += len(block.codes)
        if has_target.any():
            yield evaluate_model(model, [(block.codes[has_target], y)])


def _targets(
    data: Arrays | Table, block: Block, start: int, model: Model, target: str | None
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Return the targets of a block that are not missing, and a mask of the rows that have one."""
    if isinstance(data, Arrays):
        y = data.y[start : start + len(block.codes)]
        return _encode_targets(y.tolist(), model), np.ones(len(y), bool)
    if target is None or target not in data.types:
        columns = ", ".join(data.types)
        problem = f"has no column {target!r}" if target else "needs a --target"
        raise TrainingError(f"{data.path} {problem} to compare with; there are {columns}")
    assert block.table is not None
    cells = data.cast(block.table, [target]).column(target)
    return _encode_targets(cells.drop_null().to_pylist(), model), cells.is_valid().to_numpy()


def _encode_targets(values: list[Any], model: Model) -> npt.NDArray[Any]:
    if model.task == "regression":
        if not all(isinstance(value, int | float) for value in values):
            raise TrainingError("the target holds what is not a number; the model is a regression")
        return np.array(values, np.float32)
    classes = {text(label): number for number, label in enumerate(model.labels)}
    try:
        return np.array([classes[text(value)] for value in values], np.intp)
    except (KeyError, ValueError):
        unseen = next(value for value in values if not _is_label(value, classes))
        labels = ", ".join(list(classes)[:10])
        raise TrainingError(f"the target {unseen!s} is no class of the model, which knows {labels}") from None


def _is_label(value: Any, classes: dict[str, int]) -> bool:
    return isinstance(value, str | int | float | bool) and text(value) in classes


def target_of(models: Path, version: Version) -> str | None:
    """Return the target column of a version that was trained on a table."""
    path = version_folder(models, version.name, version.number) / "config.toml"
    if not path.exists():
        return None
    target = tomllib.loads(path.read_text(encoding="utf-8")).get("target")
    return str(target) if target else None
