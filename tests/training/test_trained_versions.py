import json
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from store import read_version
from training.__main__ import main
from training.config import Config
from training.data.load import load_dataset
from training.run import run

ARTICLE = Path(__file__).parents[2] / "training/article.toml"


def test_digits_are_trained_and_published(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--data", "digits", "--models", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "Published digits 1 as stable: there was no stable version." in printed
    assert f"Serve it with: npserve serve --models {tmp_path}" in printed
    version = read_version(tmp_path, "digits", 1)
    assert version.metrics["test"]["accuracy"] > 0.96
    assert version.metrics["test"]["rows"] == 359
    assert version.artifact.model.labels == tuple(range(10))
    manifest = version.manifest
    assert manifest["seed"] == 0
    assert manifest["data"] == {"source": "digits"}
    assert tomllib.loads((tmp_path / "digits/1/config.toml").read_text())["data"] == "digits"
    assert manifest["libraries"]["numpy"] == np.__version__
    assert set(manifest) >= {"command", "created", "commit"}


@pytest.mark.usefixtures("without_report")
def test_the_published_model_is_the_evaluated_model(tmp_path: Path) -> None:
    config = Config(data="digits", epochs=2)
    publication = run(config, "digits", models=tmp_path)
    model = read_version(tmp_path, "digits", 1).artifact.model
    test = load_dataset(config).test
    right = model.predict(test.codes[test.rows]).argmax(axis=1) == test.y
    assert publication.metrics["test"]["accuracy"] == right.mean()


@pytest.mark.usefixtures("without_report")
def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run(Config(data="digits", epochs=2, seed=seed), name, models=tmp_path)
    digests = [read_version(tmp_path, name, 1).sha256 for name in "abc"]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.usefixtures("without_report")
def test_a_worse_version_becomes_candidate_unless_forced(
    tmp_path: Path, rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = rng.normal(size=(400, 2)) * [1000, 0.001] + [5e6, 0]
    lines = [f"{a},{b},{'high' if (a - 5e6) / 1000 + b * 1000 > 0 else 'low'}" for a, b in rows]
    (tmp_path / "levels.csv").write_text("\n".join(["a,b,level", *lines]))
    models = tmp_path / "models"
    arguments = ["train", "--data", str(tmp_path / "levels.csv"), "--target", "level", "--models", str(models)]
    assert main(arguments) == 0
    version = read_version(models, "levels", 1)
    assert version.metrics["test"]["accuracy"] > 0.88
    assert [column.name for column in version.artifact.model.features.columns] == ["a", "b"]
    short = [*arguments, "--epochs", "1", "--batch-size", "400", "--validation-share", "0"]
    assert main(short) == 1
    printed = capsys.readouterr().out
    assert "Published levels 2 as candidate: its test accuracy is" in printed
    assert f"Make it stable with: npserve promote levels 2 --force --models {models}" in printed
    assert main([*short, "--force"]) == 0
    assert main([*arguments, "--no-promote"]) == 0
    assert f"Make it stable with: npserve promote levels 4 --models {models}" in capsys.readouterr().out
    assert json.loads((models / "levels/serving.json").read_text())["aliases"] == {
        "stable": 3,
        "previous": 1,
        "candidate": 4,
    }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nothing.csv", "--target", "x"], "nothing.csv can't be read: No such file or directory"),
        (["--data", "digits", "--name", "No Name"], "invalid model name 'No Name'"),
        (["--data", "Data (1).csv"], "Data (1).csv: 'data (1)' is not a valid model name; set --name to 1 to 63 "),
        (["--data", "bad.csv", "--target", "kind"], "bad.csv, line 3: expected 2 values, got 1"),
        (["--data", "good.csv"], "set --target to the column to predict; the columns are a, kind"),
    ],
)
def test_invalid_input_gives_a_one_line_error_and_publishes_nothing(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.csv").write_text("a,kind\n1,x\n2\n")
    (tmp_path / "good.csv").write_text("a,kind\n1,x\n2,y\n")
    assert main(["train", *arguments, "--epochs", "1"]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("Error: ")
    assert printed.count("\n") == 1
    assert message in printed
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize("option", ["--epochs=0", "--batch-size=x", "--seed=-1"])
def test_invalid_options_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--data", "digits", option])
    assert stopped.value.code == 2
    assert "expected an integer of at least" in capsys.readouterr().err


def test_training_runs_in_any_working_directory(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "training", "train", "--data", "digits", "--epochs", "1"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "\r" not in run.stdout
    assert run.stderr == ""
    manifest = json.loads((tmp_path / "models/digits/1/manifest.json").read_text())
    assert manifest["command"] == "python -m training train --data digits --epochs 1"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_network_of_the_article_reaches_97_percent_on_mnist(seed: int, data_folder: Path, tmp_path: Path) -> None:
    config = Config.read(ARTICLE, {"data": str(data_folder / "mnist.npz"), "seed": seed})
    publication = run(config, "mnist", models=tmp_path)
    assert publication.metrics["test"]["accuracy"] >= 0.97
    assert publication.metrics["test"]["rows"] == 10_000
