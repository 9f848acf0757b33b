"""Runs published models on the rows of a file that have a target, and evaluates their predictions."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from nn import Model
from nn.columns import text
from store import Version
from store.version import version_folder
from training.errors import TrainingError
from training.evaluation.scores import EvaluationResult, evaluate_model
from training.files.npz import Arrays
from training.files.read import file_sha256, read_file
from training.files.table import ReadOptions, Table
from training.scoring.blocks import read_blocks


@dataclass(frozen=True)
class ScoredRows:
    """The rows of a file on which versions are evaluated: all, or the test part of arrays.

    `trained` are the numbers of the versions that were trained on this file, so that most of the rows are not new.
    """

    data: Arrays | Table
    part: str
    trained: list[int]

    @classmethod
    def read(cls, path: Path, options: ReadOptions, versions: list[Version]) -> Self:
        """Read the rows of a file. Raises TrainingError."""
        data = read_file(path, options)
        if isinstance(data, Arrays) and data.test is not None:
            return cls(data.parts[-1], "test", [])
        digest, sources = file_sha256(path), {version.number: version.manifest.get("data") for version in versions}
        trained = [n for n, source in sources.items() if isinstance(source, dict) and source.get("sha256") == digest]
        return cls(data, "all", trained)

    def notes(self, name: str, path: Path) -> list[str]:
        """Return what a reader of the metrics has to know, as sentences."""
        advice = "most rows are not new to it: use other rows, or take the test metrics of its report"
        notes = [f"the rows are the test part of {path} (x_test and y_test)"] if self.part == "test" else []
        return notes + [f"{name} {number} was trained on this file, so {advice}" for number in self.trained]


def score_file(data: Arrays | Table, models: list[Model], target: str | None) -> list[EvaluationResult]:
    """Run models of the same task on the rows of a file that have a target; return a result for each model."""
    if isinstance(data, Table) and target is not None and any(isinstance(label, str) for label in models[0].labels):
        data = data.as_text([target])
    results = [evaluate_model(model, _chunks(data, model, target)) for model in models]
    if not len(results[0].targets):
        raise TrainingError(f"no row has a value in the target column {target!r}")
    return results


def _chunks(data: Arrays | Table, model: Model, target: str | None) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield the codes and the targets of the rows that have a target, block by block."""
    kept = [target] if isinstance(data, Table) and target in data.types else []
    for codes, stored in read_blocks(data, model.features, kept):
        if isinstance(data, Arrays):
            yield codes, _encode_targets(stored.tolist(), model)
        elif not kept:
            problem = f"has no target column {target!r}" if target else "needs --target, the column of true values"
            raise TrainingError(f"{data.path} {problem}; the columns are {', '.join(data.types)}")
        else:
            cells = data.column(stored, kept[0])
            yield codes[cells.is_valid().to_numpy()], _encode_targets(cells.drop_null().to_pylist(), model)


def _encode_targets(values: list[Any], model: Model) -> NDArray[Any]:
    """Return class indices, or the values of a regression."""
    if model.task == "regression":
        if not all(isinstance(value, int | float) for value in values):
            raise TrainingError("the target column contains values that are not numbers; the model is a regression")
        return np.array(values, np.float32)
    classes = {text(label): number for number, label in enumerate(model.labels)}
    numbers = [classes.get(text(value)) if isinstance(value, str | int | float) else None for value in values]
    if None in numbers:
        unseen, labels = values[numbers.index(None)], ", ".join(list(classes)[:10])
        raise TrainingError(f"unknown class {unseen!s} in the target column; the classes of the model are {labels}")
    return np.array(numbers, np.intp)


def target_of(models: Path, version: Version) -> str | None:
    """Return the target column of a version that was trained on a table, from its config.toml."""
    path = version_folder(models, version.name, version.number) / "config.toml"
    if not path.exists():
        return None
    target = tomllib.loads(path.read_text(encoding="utf-8")).get("target")
    return str(target) if target else None
