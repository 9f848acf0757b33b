from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.datasets import CSV, load_file
from training import TrainingError


@pytest.mark.parametrize(
    ("targets", "task", "labels"),
    [
        (["a", "b"], "classification", ("a", "b")),
        (["1", "2"], "classification", (1, 2)),
        (["1.0", "2.0"], "classification", (1.0, 2.0)),
        (["true", "false"], "classification", (False, True)),
        (["0.5", "1.5"], "regression", ()),
        ([str(i) for i in range(21)], "regression", ()),
    ],
)
def test_the_task_is_detected_from_the_target(targets: list[str], task: str, labels: Any, tmp_path: Path) -> None:
    rows = [f"{i % 7}.5,{target}" for i, target in enumerate(targets * 8)]
    (tmp_path / "data.csv").write_text("\n".join(["a,kind", *rows]))
    data = load_file(tmp_path / "data.csv")
    assert data.targets.task == task
    assert data.targets.labels == labels
    assert [type(label) for label in data.targets.labels] == [type(label) for label in labels]


def test_the_task_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,kind\n" + "".join(f"{i % 7}.5,{i % 3}\n" for i in range(30)))
    data = load_file(tmp_path / "data.csv", task="regression")
    assert data.targets.task == "regression"
    assert data.train.y.dtype == np.float32


@pytest.mark.parametrize(
    ("task", "target", "message"),
    [
        ("classification", "{i}.5", "the targets are fractions, not classes; use --task regression"),
        ("regression", "w{i}", "the targets are not numbers, for example w0; use --task classification"),
        ("regression", "1e{i}9", "is NaN, infinite or too large for float32"),
    ],
)
def test_targets_that_do_not_fit_the_task_are_refused(task: str, target: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,kind\n" + "".join(f"{i}.5,{target.format(i=i)}\n" for i in range(9)))
    with pytest.raises(TrainingError, match=message):
        load_file(tmp_path / "data.csv", task=task)


def test_rows_without_a_target_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(CSV + "1,2, ?\n3,4,\n")
    data = load_file(tmp_path / "data.csv")
    assert len(data.train.codes) == 20
    assert data.notes == ["2 rows dropped: the target kind is missing"]


@pytest.mark.parametrize(
    ("header", "label", "message"),
    [
        ("a\x07", "yes", r"the name of a column: 'a\\x07' has control characters"),
        ("a" * 1001, "yes", "the name of a column: expected at most 1000 characters, found 1001"),
        ("a", "y\x07", r"a class: 'y\\x07' has control characters"),
    ],
)
def test_names_that_no_model_can_have_are_refused(header: str, label: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(f"{header},kind\n" + f"1,{label}\n2,no\n" * 30)
    with pytest.raises(TrainingError, match=message):
        load_file(tmp_path / "data.csv")
