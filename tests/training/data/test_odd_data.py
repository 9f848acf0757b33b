"""Unusual data: placeholder dates, tiny numbers, names with special characters."""

import tomllib
from pathlib import Path

import numpy as np
import pytest

from store import read_version
from tests.helpers.datasets import write_csv
from training import TrainingError
from training.__main__ import main
from training.config import Config
from training.data.load import load_dataset
from training.keras import Sequential
from training.keras.callbacks import BackupAndRestore
from training.keras.layers import Dense


def _train(data: str, models: Path, *options: str) -> int:
    return main(["train", "--data", data, "--epochs", "2", "--layers", "8", "--models", str(models), *options])


def test_placeholder_dates_far_in_the_future(tmp_path: Path, rng: np.random.Generator) -> None:
    ends = ["9999-12-31", "2024-05-31"]
    rows = [f"{ends[i % 2]},{rng.normal():.3f},{'yn'[i % 2]}" for i in range(200)]
    assert (
        _train(write_csv(tmp_path / "t.csv", "until,a,y", rows), tmp_path / "m", "--target", "y", "--layers", "32,32")
        == 0
    )
    version = read_version(tmp_path / "m", "t", 1)
    assert version.artifact.model.features.columns[0].kind == "date"


def test_numbers_close_to_zero(tmp_path: Path) -> None:
    rows = [f"{10.0 ** -(i % 60):.3e},{'yn'[i % 2]}" for i in range(400)]
    data = load_dataset(Config(data=write_csv(tmp_path / "t.csv", "p,y", rows), target="y"))
    inputs = data.features.inputs(data.train.codes)
    assert np.isfinite(inputs).all()
    assert _train(str(tmp_path / "t.csv"), tmp_path / "m", "--target", "y") == 0


def test_names_with_special_characters_are_kept_in_report_and_config(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = [f"{a:.3f},{'yn'[a > 0]}" for a in rng.normal(size=200).tolist()]
    data = write_csv(tmp_path / "t.csv", "a_$_or_$,t😀", rows)
    assert _train(data, tmp_path / "m", "--target", "t😀") == 0
    assert "a_$_or_$" in (tmp_path / "m/t/1/report.html").read_text()
    assert tomllib.loads((tmp_path / "m/t/1/config.toml").read_text())["target"] == "t😀"
    assert main(["evaluate", "t", "--data", data, "--models", str(tmp_path / "m")]) == 0


def test_a_warning_ends_with_one_full_stop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i % 2},{'yn'[i % 2]}" for i in range(200)]
    _train(write_csv(tmp_path / "t.csv", "a,y", rows), tmp_path / "m", "--target", "y")
    assert "check that its value is known at prediction time.\n" in capsys.readouterr().out


def test_a_checkpoint_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def fit() -> None:
        model = Sequential([Dense(1)])
        model.compile("sgd", "mse")
        backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
        model.fit(np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[backup])

    fit()
    monkeypatch.setattr(BackupAndRestore, "FORMAT", 3)
    with pytest.raises(TrainingError, match="another version of npserve: remove it to start over"):
        fit()
