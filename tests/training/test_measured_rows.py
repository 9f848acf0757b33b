"""The rows that a run is measured on: a part of the data, another file, folds, or none; and the weight of classes."""

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store import read_version
from tests.helpers.datasets import write_csv
from training import TrainingError
from training.__main__ import main
from training.config import Config
from training.console import Console
from training.data.load import load_dataset
from training.data.quality import check_quality
from training.fitting.fit import fit_model
from training.run import run, train_model

pytestmark = pytest.mark.usefixtures("without_report")
SMALL: dict[str, Any] = {"target": "y", "epochs": 5, "networks": 2, "layers": (8,)}


def _rows(rng: np.random.Generator, count: int, share: float = 0.5) -> list[str]:
    rows = rng.normal(size=(count, 2)) + np.array([0, 1])
    limit = np.quantile(rows[:, 0], 1 - share)
    return [f"{a:.4f},{b:.4f},{'yes' if a > limit else 'no'}" for a, b in rows]


@pytest.fixture
def data(tmp_path: Path, rng: np.random.Generator) -> str:
    return write_csv(tmp_path / "t.csv", "a,b,y", _rows(rng, 200))


def test_a_test_file_is_the_test_set(data: str, tmp_path: Path, rng: np.random.Generator) -> None:
    rows = [f"{'yes' if i % 2 else 'no'},1,,{i % 2}" for i in range(50)]
    june = write_csv(tmp_path / "june.csv", "y,b,other,a", rows)
    config = Config(data=data, test_data=june, **SMALL)
    loaded = load_dataset(config)
    assert (len(loaded.train) + len(loaded.validation), len(loaded.test)) == (200, 50)
    run(config, "m", models=tmp_path / "models")
    version = read_version(tmp_path / "models", "m", 1)
    assert version.metrics["test"]["rows"] == 50
    assert version.manifest["data"]["test"]["source"] == "june.csv"


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("a,b", "1,2", "june.csv has no target column 'y'; the columns are a, b"),
        ("a,y", "1,yes", "june.csv has no column 'b', which the model requires"),
        ("a,b,y", "1,2,maybe", "unknown class maybe in the target column; the classes of the model are no, yes"),
        ("a,b,y", "1,2,", "june.csv has no row with a target"),
    ],
)
def test_a_test_file_that_does_not_fit_is_refused(
    header: str, row: str, message: str, data: str, tmp_path: Path
) -> None:
    june = write_csv(tmp_path / "june.csv", header, [row] * 3)
    with pytest.raises(TrainingError, match=message):
        load_dataset(Config(data=data, test_data=june, **SMALL))


def test_arrays_with_a_test_set_need_no_other(data: str, tmp_path: Path, rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(60, 3)), np.arange(60) % 2
    np.savez(tmp_path / "both.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    np.savez(tmp_path / "plain.npz", X=x, y=y)
    for settings in ({"test_data": data}, {"folds": 3}):
        with pytest.raises(TrainingError, match=r"remove --(test-data|folds): the data have a test set of their own"):
            load_dataset(Config(data=str(tmp_path / "both.npz"), **settings))
    loaded = load_dataset(Config(data=str(tmp_path / "plain.npz"), test_data=str(tmp_path / "both.npz")))
    assert (len(loaded.train) + len(loaded.validation), len(loaded.test)) == (60, 20)


def test_the_last_training_has_all_rows_and_no_metrics(data: str, tmp_path: Path) -> None:
    models = tmp_path / "models"
    run(Config(data=data, **SMALL), "m", models=models)
    publication = run(Config(data=data, test_share=0.0, **SMALL), "m", models=models)
    assert publication.alias == "candidate"
    assert publication.metrics == {}
    assert "no metric of a test set" in publication.reason
    version = read_version(models, "m", publication.version)
    assert len(version.artifact.golden.rows) == 32


def test_folds_measure_every_row_once_and_train_on_all(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config(data=data, folds=4, **SMALL)
    parts = [load_dataset(config, fold).test for fold in range(4)]
    assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == list(range(200))
    assert {int(part.y.sum()) for part in parts} == {25}
    publication = run(config, "m", models=tmp_path / "models")
    assert publication.metrics["folds"]["rows"] == 200
    printed = capsys.readouterr().out
    assert "Fold 4 of 4, linear model 2 of 2, epoch 5/5" in printed
    assert "4 folds: accuracy 0." in printed
    assert " ± 0.0" in printed
    again = run(config, "m", models=tmp_path / "models")
    assert "folds accuracy is" in again.reason


def test_the_folds_of_a_table_with_missing_targets_and_cells(tmp_path: Path, rng: np.random.Generator) -> None:
    lines = [f"{a:.3f},{1.5 * a if i % 9 else ''}" for i, a in enumerate(rng.normal(size=90))]
    lines[40] = f",{1.0}"  # a cell that is missing in one row alone
    config = Config(data=write_csv(tmp_path / "t.csv", "a,y", lines), folds=3, **SMALL)
    publication = run(config, "m", models=tmp_path / "models")
    assert publication.metrics["folds"]["rows"] in (79, 80)


def test_balanced_classes_find_more_of_the_rare_class(tmp_path: Path, rng: np.random.Generator) -> None:
    classes = [*["yes"] * 200, *["no"] * 3000]
    rows = [f"{rng.normal() + 1.2 * (label == 'yes'):.3f},{label}" for label in classes]
    path = write_csv(tmp_path / "t.csv", "a,y", rows)
    recalls: list[float] = []
    for weight in (None, "balanced"):
        config = Config(data=path, class_weight=weight, **SMALL | {"epochs": 20})
        run(config, "m", models=tmp_path / "models", force=True)
        model = read_version(tmp_path / "models", "m", len(recalls) + 1).artifact.model
        test = load_dataset(config).test
        predicted = model.predict(test.codes[test.rows]).argmax(axis=1)
        recalls.append((predicted[test.y == 1] == 1).mean())
    assert recalls[0] < 0.3
    assert recalls[1] > 0.5


def test_the_command_names_the_folds_in_json(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "--data", data, "--target", "y", "--models", str(tmp_path / "m"), "--folds", "2", "--json"]
    assert main([*arguments, "--epochs", "2", "--networks", "1"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (folds,) = [event for event in events if event["event"] == "folds"]
    assert set(folds["deviations"]) == {"accuracy", "loss", "ece"}
    assert {event["network"] for event in events if event["event"] == "epoch"} >= {"fold 1 of 2, network", "network"}


def test_rows_of_a_test_file_are_numbered_and_compared_with_the_training_set(data: str, tmp_path: Path) -> None:
    numbers = write_csv(tmp_path / "numbers.csv", "a,y", [f"{i / 4},{i % 7 + 0.5 if i % 3 else ''}" for i in range(60)])
    loaded = load_dataset(Config(data=numbers, test_data=numbers, target="y", epochs=1))
    assert loaded.test.file_rows[:4].tolist() == [2, 3, 5, 6]
    assert any("the training set has" in note for note in check_quality(loaded))


@pytest.mark.parametrize(
    ("rows", "settings", "message"),
    [
        (["1,2", "2,3", "3,5"], {"folds": 4}, "4 folds are more than the 3 rows; set --folds to fewer"),
        (["1,1e9"] * 30 + ["1,1000000001"] * 30, {}, "all targets are equal after rounding to float32"),
        ([f"{i / 4},{i / 3}" for i in range(60)], {"class_weight": "balanced"}, "remove --class-weight"),
        ([f"{i / 4},{i / 3}" for i in range(60)], {"activation": "softmax", "networks": 2}, "set --networks to 1"),
    ],
)
def test_settings_that_do_not_fit_the_data_are_refused(
    rows: list[str], settings: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "t.csv", "a,y", rows)
    config = Config(data=path, target="y", task="regression", **settings)
    with pytest.raises(TrainingError, match=message):
        run(config, "m", models=tmp_path / "models")


def test_a_target_that_is_infinite_in_the_test_file_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", "a,y", [f"{i / 4},{i / 3}" for i in range(60)])
    june = write_csv(tmp_path / "june.csv", "a,y", ["1,2.5", "2,1e300"])
    with pytest.raises(TrainingError, match="is NaN, infinite or too large for float32"):
        load_dataset(Config(data=path, test_data=june, target="y"))


def test_the_metrics_of_folds_lie_in_their_intervals(tmp_path: Path, rng: np.random.Generator) -> None:
    path = write_csv(tmp_path / "t.csv", "a,y", [f"{a:.3f},{a + rng.normal():.3f}" for a in rng.normal(size=60)])
    config = Config(data=path, target="y", folds=20, networks=1, layers=(), epochs=2)
    data = load_dataset(config)
    evaluation = train_model(config, data, partial(load_dataset, config), Console()).evaluation
    assert evaluation
    for name, (low, high) in evaluation.intervals.items():
        assert low <= evaluation.scores[name] <= high, name


def test_folds_with_cells_that_only_validation_rows_lack_are_published(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    rows = rng.normal(size=(60, 2))
    config = Config(
        data=write_csv(tmp_path / "t.csv", "a,b,y", [f"{a},{b},{a + b}" for a, b in rows]), **SMALL, folds=3
    )
    lacking = set(load_dataset(config).validation.rows.tolist())
    lines = [f"{'' if i in lacking else a},{b},{a + b}" for i, (a, b) in enumerate(rows)]
    config = dataclasses.replace(config, data=write_csv(tmp_path / "lacking.csv", "a,b,y", lines))
    publication = run(config, "m", models=tmp_path / "models")
    assert publication.metrics["folds"]["rows"] == 60 - len(lacking)


def test_a_value_that_only_the_test_set_has_gives_no_deviation_of_0(tmp_path: Path) -> None:
    lines = [f"{i % 5},{1 if i == 3 else 0}" for i in range(40)]
    config = Config(data=write_csv(tmp_path / "t.csv", "a,y", lines), task="regression", folds=40, **SMALL)
    fold = next(fold for fold in range(40) if load_dataset(config, fold).test.rows.tolist() == [3])
    assert np.isfinite(fit_model(config, load_dataset(config, fold)).model.network.layers[0].kernel).all()
