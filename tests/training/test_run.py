"""Runs that are interrupted, killed or diverge: checkpoints, messages, and what is published."""

import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store import read_version
from store.version import read_folder
from tests.helpers.reports import report_left_out
from training.__main__ import main
from training.config import Config
from training.data.dataset import DataSet
from training.data.load import load_dataset
from training.fitting.fit import fit_model
from training.keras import models as keras_models
from training.run import run

COMMAND = [sys.executable, "-m", "training", "train", "--data", "digits", "--models"]
LONG = ["train", "--data", "digits", "--epochs", "60", "--patience", "50", "--layers", "16", "--models"]


@pytest.fixture
def digits() -> DataSet:
    return load_dataset(Config(data="digits"))


def _backup(models: Path) -> Path:
    for _ in range(3000):
        if found := list(models.glob(".training/digits-*/network/backup.npz")):
            return found[0]
        time.sleep(0.005)
    raise AssertionError("no checkpoint was written")


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the version published by an uninterrupted run."""
    models = tmp_path_factory.mktemp("whole")
    with report_left_out():
        assert main([*LONG, str(models)]) == 0
    return read_version(models, "digits", 1).sha256


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_ctrl_c_saves_the_best_weights_and_the_same_command_resumes(
    number: int, whole_run: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "training", *LONG, str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    backup = _backup(tmp_path)
    process.send_signal(number)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "Interrupted: stopped in epoch" in errors
    assert "run the same command again to resume" in errors
    assert not (tmp_path / "digits").exists()
    best = keras_models.load_model(backup.with_name("best.npz"))
    x, y = _rows()
    assert (best.predict(x).argmax(axis=1) == y).mean() > 0.1
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "Resuming the interrupted run from its checkpoint" in again.stdout
    assert not backup.parents[1].exists()
    assert read_version(tmp_path, "digits", 1).sha256 == whole_run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_version_that_is_published_in_spite_of_ctrl_c_is_reported(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted_read(folder: Path) -> Any:
        signal.raise_signal(number)
        return read_folder(folder)

    monkeypatch.setattr(sys.modules["store.publish"], "read_folder", interrupted_read)
    with report_left_out():
        code = main(["train", "--data", "digits", "--epochs", "1", "--layers", "16", "--models", str(tmp_path)])
    printed = capsys.readouterr()
    assert code == 130
    assert printed.err.endswith("Interrupted: digits 1 was published as stable.\n")
    assert read_version(tmp_path, "digits", 1)


def _rows() -> tuple[np.ndarray, np.ndarray]:
    test = load_dataset(Config(data="digits")).test
    x = np.empty(test.shape, np.float32)
    test.gather(np.arange(len(test)), x)
    return x, test.y


@pytest.mark.slow
def test_a_killed_run_resumes_to_a_bit_identical_version(tmp_path: Path, rng: np.random.Generator) -> None:
    def command(models: Path) -> list[str]:
        return [*COMMAND, str(models), "--layers", "64", "--epochs", "40", "--patience", "9"]

    # With the default number of BLAS threads, as for users.
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    began = time.monotonic()
    subprocess.run(command(tmp_path / "whole"), env=environment, capture_output=True, check=True)
    seconds = time.monotonic() - began
    expected = read_version(tmp_path / "whole", "digits", 1).sha256
    kills = stores = 0
    while kills < 20:
        store, stores = tmp_path / f"killed{stores}", stores + 1
        while True:
            process = subprocess.Popen(
                command(store), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            try:
                process.wait(rng.uniform(0.4, 1.0) * seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                kills += 1
            assert process.wait() in (0, -signal.SIGKILL), process.stderr and process.stderr.read()
            assert process.stderr
            process.stderr.close()
            if (store / "digits/serving.json").exists():
                break
        assert read_version(store, "digits", 1).sha256 == expected


@pytest.mark.parametrize("settings", [{"learning_rate": 9.0, "optimizer": "sgd", "activation": "linear"}])
def test_a_diverging_loss_is_reported_with_its_step_and_publishes_nothing(
    settings: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [text for name, value in settings.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    layers = ["--layers", "256,256,256,256", "--schedule", "constant", "--dropout", "0"]
    assert main(["train", "--data", "digits", "--models", str(tmp_path), *options, *layers]) == 2
    errors = capsys.readouterr().err
    assert "Error: training diverged: the loss is NaN or infinite at step " in errors
    assert "Try a smaller --learning-rate" in errors
    assert not (tmp_path / "digits").exists()


def test_the_reported_step_of_divergence_is_exact(digits: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(data="digits", epochs=3, batch_size=100, patience=0)
    steps = -(-len(digits.train) // 100)
    seen = 0

    def poisoned(split: Any, index: Any, out: Any) -> None:
        nonlocal seen
        split.features.encode(split.codes[split.rows[index]], out)
        if split is digits.train:
            seen += len(index)
            if seen > len(digits.train) and len(out) > 300:  # the first block of the second epoch
                out[300] = np.nan

    monkeypatch.setattr("training.data.dataset.Split.gather", poisoned)
    with pytest.raises(Exception, match=f"at step {steps + 4}, in epoch 2"):
        fit_model(config, digits)


def test_a_full_disk_ends_the_run_with_an_error_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("training.keras.saving.archive.replace_file", full)
    assert main(["train", "--data", "digits", "--epochs", "1", "--models", str(tmp_path)]) == 2
    assert "can't be written: No space left on device" in capsys.readouterr().err
    assert not (tmp_path / "digits").exists()


def test_json_output_is_one_line_per_event(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("a,same,y\n" + "".join(f"{i % 7},1,{'xy'[i % 2]}\n" for i in range(60)))
    arguments = ["train", "--data", str(tmp_path / "t.csv"), "--target", "y", "--models", str(tmp_path / "m")]
    main([*arguments, "--epochs", "2", "--json"])
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    kinds = [event["event"] for event in events]
    assert kinds[-6:] == ["epoch", "epoch", "progress", "test", "progress", "published"]
    assert {"event": "finding", "text": "column same dropped: all values are the same"} in events
    assert {"network", "epoch", "epochs", "loss", "accuracy", "val_loss"} <= set(events[-6])
    assert events[-1]["metrics"]["test"] == events[-3]["metrics"]
    assert set(events[-3]["baselines"]) == {"linear model", "most common class"}
    assert "<svg" in (Path(events[-1]["folder"]) / "report.html").read_text()


def test_a_terminal_shows_a_progress_bar(tmp_path: Path) -> None:
    terminal, line = pty.openpty()
    termios.tcsetwinsize(line, (24, 80))
    command = [*COMMAND, str(tmp_path), "--epochs", "2", "--layers", "16"]
    process = subprocess.Popen(command, stdout=line, stderr=subprocess.PIPE)
    os.close(line)
    shown = b""
    with suppress(OSError):  # Linux raises EIO once the other end is closed
        while part := os.read(terminal, 4096):
            shown += part
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, b"")
    assert b"Network, epoch 2/2" in shown
    assert b"\r" in shown
    assert "█".encode() in shown


@pytest.mark.usefixtures("without_report")
def test_other_settings_start_a_new_run(tmp_path: Path) -> None:
    run(Config(data="digits", epochs=1, layers=(16,)), "digits", models=tmp_path)
    assert list((tmp_path / ".training").iterdir()) == []
    run(Config(data="digits", epochs=1, layers=(16,), seed=1), "digits", models=tmp_path)
    digests = {read_version(tmp_path, "digits", number).sha256 for number in (1, 2)}
    assert len(digests) == 2
