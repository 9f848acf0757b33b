"""Runs published models on the rows of a file that have a target, and evaluates their predictions."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from nn import Model
from store import Version
from store.version import version_folder
from training.data.labelled_rows import labelled_blocks
from training.data.targets import Targets
from training.errors import TrainingError
from training.evaluation.scores import EvaluationResult, evaluate_model
from training.files.npz import Arrays
from training.files.read import file_sha256, read_file
from training.files.table import ReadOptions, Table


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
    targets = Targets(models[0].task, models[0].labels)
    results = [evaluate_model(model, labelled_blocks(data, model.features, targets, target)) for model in models]
    if not len(results[0].targets):
        raise TrainingError(f"no row has a value in the target column {target!r}")
    return results


def target_of(models: Path, version: Version) -> str | None:
    """Return the target column of a version that was trained on a table, from its config.toml."""
    path = version_folder(models, version.name, version.number) / "config.toml"
    if not path.exists():
        return None
    target = tomllib.loads(path.read_text(encoding="utf-8")).get("target")
    return str(target) if target else None
