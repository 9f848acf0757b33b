"""Data as they also come: dates without an end, numbers next to nothing, names that mean something elsewhere."""

import math
import tomllib
from pathlib import Path

import numpy as np
import pytest

from store import read_version
from training import TrainingError
from training.__main__ import main
from training.config import Config
from training.data.load import load_dataset
from training.data.quality import check_quality
from training.keras import Sequential
from training.keras.callbacks import BackupAndRestore
from training.keras.layers import Dense


def _csv(path: Path, header: str, rows: list[str]) -> str:
    path.write_text("\n".join([header, *rows]) + "\n")
    return str(path)


def _train(data: str, models: Path, *options: str) -> int:
    return main(["train", "--data", data, "--epochs", "2", "--layers", "8", "--models", str(models), *options])


def test_dates_that_stand_for_never(tmp_path: Path, rng: np.random.Generator) -> None:
    ends = ["9999-12-31", "2024-05-31"]
    rows = [f"{ends[i % 2]},{rng.normal():.3f},{'yn'[i % 2]}" for i in range(200)]
    assert (
        _train(_csv(tmp_path / "t.csv", "until,a,y", rows), tmp_path / "m", "--target", "y", "--layers", "32,32") == 0
    )
    version = read_version(tmp_path / "m", "t", 1)
    assert version.artifact.model.features.columns[0].kind == "date"


def test_numbers_next_to_nothing(tmp_path: Path) -> None:
    rows = [f"{10.0 ** -(i % 60):.3e},{'yn'[i % 2]}" for i in range(400)]
    data = load_dataset(Config(data=_csv(tmp_path / "t.csv", "p,y", rows), target="y"))
    inputs = data.features.inputs(data.train.codes)
    assert np.isfinite(inputs).all()
    assert _train(str(tmp_path / "t.csv"), tmp_path / "m", "--target", "y") == 0


def test_names_are_no_formulas_and_come_back_from_the_config(tmp_path: Path, rng: np.random.Generator) -> None:
    rows = [f"{a:.3f},{'yn'[a > 0]}" for a in rng.normal(size=200).tolist()]
    data = _csv(tmp_path / "t.csv", "a_$_or_$,t😀", rows)
    assert _train(data, tmp_path / "m", "--target", "t😀") == 0
    assert "a_$_or_$" in (tmp_path / "m/t/1/report.html").read_text()
    assert tomllib.loads((tmp_path / "m/t/1/config.toml").read_text())["target"] == "t😀"
    assert main(["evaluate", "t", "--data", data, "--models", str(tmp_path / "m")]) == 0


@pytest.mark.parametrize("spread", ["uniform", "normal", "lognormal"])
def test_a_copy_of_the_target_is_found_however_it_is_spread(
    spread: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    target = getattr(rng, spread)(size=1000)
    rows = [f"{value},{math.exp(value / 10)},{rng.normal()},{value}" for value in target]
    data = load_dataset(Config(data=_csv(tmp_path / "t.csv", "copy,curved,other,y", rows), target="y"))
    warnings = [warning for warning in check_quality(data) if "gives the target away" in warning]
    assert [warning.split()[1] for warning in warnings] == ["copy", "curved"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"test_share": 0.0}, "a number above 0 to below 1"),
        ({"learning_rate": 0.0}, "a number above 0 to below 10"),
        ({"seed": 0.0}, "a whole number from 0 on"),
        ({"bins": 64.0}, "a whole number from 0 on"),
        ({"calibrate": 1}, "true or false"),
    ],
)
def test_a_setting_is_of_its_own_type(settings: dict[str, object], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        Config(data="digits", **settings)  # type: ignore[arg-type]


def test_a_test_part_without_rows(tmp_path: Path, rng: np.random.Generator) -> None:
    x, y = rng.integers(0, 255, (20, 2, 2), dtype=np.uint8), np.arange(20) % 2
    np.savez(tmp_path / "t.npz", x_train=x, y_train=y, x_test=x[:0], y_test=y[:0])
    with pytest.raises(TrainingError, match="x_test has no rows: leave it out"):
        load_dataset(Config(data=str(tmp_path / "t.npz")))


def test_a_question_ends_in_one_mark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{i % 2},{'yn'[i % 2]}" for i in range(200)]
    _train(_csv(tmp_path / "t.csv", "a,y", rows), tmp_path / "m", "--target", "y")
    assert "will it be known when predictions are made?\n" in capsys.readouterr().out


def test_text_that_never_comes_twice_often_enough(tmp_path: Path) -> None:
    rows = [f"{i % 20_000},w{i % 20_000},{'yn'[i % 2]}" for i in range(60_000)]
    data = load_dataset(Config(data=_csv(tmp_path / "t.csv", "a,word,y", rows), target="y"))
    assert [column.name for column in data.features.columns] == ["a"]
    assert any("column word is dropped: none of its" in note for note in data.notes)


def test_whole_numbers_that_float32_can_not_tell_apart(tmp_path: Path) -> None:
    rows = [f"{2**62 + 1000 * (i * 7919 % 400)},{i % 13},{'yn'[i % 2]}" for i in range(400)]
    data = load_dataset(Config(data=_csv(tmp_path / "t.csv", "far,a,y", rows), target="y"))
    assert any("column far: in float32 only 1 of" in note for note in data.notes)


def test_a_checkpoint_of_another_version_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def fit() -> None:
        model = Sequential([Dense(1)])
        model.compile("sgd", "mse")
        backup = BackupAndRestore(tmp_path, delete_checkpoint=False)
        model.fit(np.ones((4, 2)), np.ones(4), verbose=0, callbacks=[backup])

    fit()
    monkeypatch.setattr(BackupAndRestore, "FORMAT", 3)
    with pytest.raises(TrainingError, match="another version of npserve: remove it to begin anew"):
        fit()
