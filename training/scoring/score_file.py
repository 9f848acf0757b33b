"""Runs published models on the rows of a file that have a target, and evaluates their predictions."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from store import Version
from store.version import version_folder
from training.data.labelled_rows import labelled_blocks
from training.data.targets import TARGET_READING, Targets
from training.errors import TrainingError
from training.evaluation.scores import EvaluationResult, evaluate_model
from training.files.bad_rows import BadRows
from training.files.npz import Arrays
from training.files.read import file_sha256, read_file
from training.files.table import ReadOptions, Table
from training.scoring.unseen_values import UnseenValues
from training.text.readings import TextReading


@dataclass(frozen=True)
class ScoredRows:
    """The rows of a file on which versions are evaluated: all, or the test part of arrays.

    `trained` are the numbers of the versions that were trained on this file, so that most of the rows are not new.
    """

    data: Arrays | Table
    part: str
    trained: list[int]
    bad_rows: BadRows

    @classmethod
    def read(cls, path: Path, options: ReadOptions, versions: list[Version]) -> Self:
        """Read the rows of a file. Raises TrainingError."""
        data = read_file(path, options)
        if isinstance(data, Arrays) and data.test is not None:
            return cls(data.parts[-1], "test", [], options.bad_rows)
        digest, sources = file_sha256(path), {version.number: version.manifest.get("data") for version in versions}
        trained = [n for n, source in sources.items() if isinstance(source, dict) and source.get("sha256") == digest]
        return cls(data, "all", trained, options.bad_rows)

    @property
    def about(self) -> dict[str, Any]:
        """What a reader of the metrics has to know, for JSON."""
        return {"part": self.part, "trained_on_file": self.trained, "skipped_rows": self.bad_rows.count}

    def notes(self, name: str, path: Path) -> list[str]:
        """Return what a reader of the metrics has to know, as sentences."""
        advice = "most rows are not new to it: use other rows, or take the test metrics of its report"
        notes = [f"the rows are the test part of {path} (x_test and y_test)"] if self.part == "test" else []
        notes += [f"{name} {number} was trained on this file, so {advice}" for number in self.trained]
        return notes + self.bad_rows.notes


@dataclass(frozen=True)
class Scored:
    """The result of a version on the rows of a file, and the values that it had not seen in training."""

    result: EvaluationResult
    unseen: UnseenValues


def score_version(data: Arrays | Table, version: Version, target: str | None, bad_rows: BadRows) -> Scored:
    """Run a version on the rows of a file that have a target. Raises TrainingError."""
    model, unseen = version.artifact.model, UnseenValues(version.artifact.model.features)
    settings = version.manifest.get(TARGET_READING)
    reading = TextReading.of_numbers(settings if isinstance(settings, dict) else {})
    targets = Targets(model.task, model.labels, reading)
    blocks = labelled_blocks(data, model.features, targets, target, bad_rows)
    result = evaluate_model(model, unseen.watch(blocks))
    if not len(result.targets):
        raise TrainingError(f"no row has a value in the target column {target!r}")
    return Scored(result, unseen)


def target_of(models: Path, version: Version) -> str | None:
    """Return the target column of a version that was trained on a table, from its config.toml."""
    path = version_folder(models, version.name, version.number) / "config.toml"
    if not path.exists():
        return None
    target = tomllib.loads(path.read_text(encoding="utf-8")).get("target")
    return str(target) if target else None
