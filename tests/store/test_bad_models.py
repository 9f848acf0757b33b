"""Whatever is wrong in the folder of a model, it is refused in a sentence, and others are served."""

import json
import os
import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nn import Artifact, ArtifactError
from nn.artifact import to_bytes
from store import publish, read_version
from store.__main__ import main
from store.layout import StoreError
from store.version import fingerprint
from store.watch import StoreWatcher
from tests.helpers.publications import poll

Damage = Callable[[Path], None]


def _change_manifest(change: Callable[[dict[str, Any]], object]) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / "1/manifest.json"
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))

    return damage


def _replace(name: str, make: Callable[[Path], object]) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).unlink()
        make(folder / name)

    return damage


def _socket(path: Path) -> None:
    """Bind a socket by its name, because a path may be too long."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(before)


def _grow(size: int) -> Callable[[Path], object]:
    def grow(path: Path) -> None:
        with path.open("wb") as file:
            file.truncate(size)

    return grow


def _change_model(change: Callable[[bytes], bytes]) -> Damage:
    """Change the model file, and its fingerprint with it."""

    def damage(folder: Path) -> None:
        changed = change((folder / "1/model.npz").read_bytes())
        (folder / "1/model.npz").write_bytes(changed)
        _change_manifest(lambda manifest: manifest["files"].update({"model.npz": fingerprint(changed)}))(folder)

    return damage


def _size(size: Any) -> Damage:
    return _change_manifest(lambda manifest: manifest["files"]["model.npz"].update(size=size))


def _metric(name: str, value: Any) -> Damage:
    return _change_manifest(lambda manifest: manifest["metrics"]["test"].update({name: value}))


def _aliases(aliases: dict[str, Any]) -> Damage:
    content = json.dumps({"aliases": aliases, "next_version": 2})
    return _replace("serving.json", lambda path: path.write_text(content))


def _both(one: Damage, other: Damage) -> Damage:
    def damage(folder: Path) -> None:
        one(folder)
        other(folder)

    return damage


FILES = ("serving.json", "1/manifest.json", "1/model.npz")
BAD: dict[str, Damage] = {
    **{f"{name} is a FIFO": _replace(name, os.mkfifo) for name in FILES},
    **{f"{name} is a folder": _replace(name, Path.mkdir) for name in FILES},
    **{f"{name} is a socket": _replace(name, _socket) for name in FILES},
    **{f"{name} is endless": _replace(name, lambda path: path.symlink_to("/dev/zero")) for name in FILES},
    **{f"{name} has 2 GB": _replace(name, _grow(2**31)) for name in FILES},
    **{f"{name} is empty": _replace(name, Path.touch) for name in FILES},
    **{f"{name} is nested": _replace(name, lambda path: path.write_text("[" * 10**5)) for name in FILES},
    **{f"a size of {size}": _size(size) for size in (2**31, 2**63 - 1, 1e30, -5, True, None, "1")},
    "a size of 2 GB and a file of it": _both(_size(2**31), _replace("1/model.npz", _grow(2**31))),
    "a name of a file with NUL": _change_manifest(lambda m: m["files"].update({"a\0b": m["files"]["model.npz"]})),
    "a name of a file in another folder": _change_manifest(lambda m: m["files"].update({"../x": {}})),
    "a metric of 2^64": _metric("loss", 2**64),
    "an infinite metric": _metric("loss", float("inf")),
    "a metric that is text": _metric("loss", "0.1"),
    "an accuracy of 2": _metric("accuracy", 2),
    "a time that is an object": _change_manifest(lambda m: m.update(created={})),
    "a time with an escape sequence": _change_manifest(lambda m: m.update(created="\x1b[31m")),
    "a negative error": _metric("mae", -1),
    "an error of 1e200": _metric("rmse", 1e200),
    "half a row": _metric("rows", 0.5),
    "metrics of null": _change_manifest(lambda m: m.update(metrics=None)),
    "half a character": _change_manifest(lambda m: m.update(command="\ud800")),
    "a key with an escape sequence": _change_manifest(lambda m: m.update({"\x1b[31m": 1})),
    "a number of 300 digits": _change_manifest(lambda m: m.update(seed=10**300)),
    "a list 30 deep": _change_manifest(lambda m: m.update(x=json.loads("[" * 30 + "]" * 30))),
    "bytes before the model": _change_model(lambda raw: b"MZ" + raw),
    "bytes behind the model": _change_model(lambda raw: raw + b"tail"),
    "10,000 aliases": _aliases({f"a{i}": i + 1 for i in range(10_000)}),
    "an alias of version 10^300": _aliases({"stable": 10**300}),
    "an alias of no version": _aliases({"stable": None}),
    "an alias with an escape sequence": _aliases({"\x1b[31m": 1}),
}


@pytest.fixture
def damaged(request: pytest.FixtureRequest, tmp_path: Path, artifact: Artifact) -> Path:
    """A store of a good model, and of a bad one that was published and then damaged."""
    for name in ("bad", "good"):
        publish(tmp_path, name, artifact, {"test": {"accuracy": 0.9, "loss": 0.1, "rows": 100}}, {})
    BAD[request.param](tmp_path / "bad")
    return tmp_path


@pytest.mark.parametrize("damaged", BAD, indirect=True)
def test_a_bad_model_is_refused_at_once_and_others_are_served(
    damaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watcher, began = StoreWatcher(damaged), time.monotonic()
    poll(watcher)
    assert watcher.served["good"].stable is not None
    assert "bad" not in watcher.served or not watcher.served["bad"].versions
    problems = [watcher.problems["bad"]] if "bad" in watcher.problems else [*watcher.served["bad"].missing.values()]
    assert len(problems) == 1
    for arguments in (["list"], ["verify", "bad"], ["promote", "bad", "1"], ["verify", "good"]):
        code = main([*arguments, "--models", str(damaged)])
        output = "".join(capsys.readouterr())
        assert "Traceback" not in output
        assert not [character for character in output if not character.isprintable() and character != "\n"]
        if arguments[0] == "list":
            assert code == 0
            assert [line for line in output.splitlines() if line.startswith("good  1  ")] or "good   1" in output
    assert time.monotonic() - began < 3


def test_text_that_cannot_be_carried_is_not_published(tmp_path: Path, artifact: Artifact) -> None:
    for name, value in (("accuracy", 1.5), ("loss", 2**64)):
        with pytest.raises(ArtifactError, match="manifest"):
            publish(tmp_path, "iris", artifact, {"test": {name: value}}, {})
    with pytest.raises(ArtifactError, match="manifest"):
        publish(tmp_path, "iris", artifact, {}, {"command": "\ud800"})
    with pytest.raises(StoreError):
        read_version(tmp_path, "iris", 1)
    assert [entry.name for entry in (tmp_path / "iris").iterdir()] == [".lock"]


def test_a_version_that_cannot_be_prepared_is_not_served(tmp_path: Path, artifact: Artifact) -> None:
    for name in ("bad", "good"):
        publish(tmp_path, name, artifact, {}, {})

    def prepare(version: Any) -> None:
        if version.name == "bad":
            raise KeyError("x")

    watcher = StoreWatcher(tmp_path, prepare)
    assert {attempt.name: attempt.error for attempt in poll(watcher)} == {"bad": "KeyError: 'x'", "good": None}
    assert watcher.served["bad"].missing == {1: "KeyError: 'x'"}
    shutil.rmtree(tmp_path / "bad")
    poll(watcher)
    assert to_bytes(watcher.served["good"].versions[1].artifact) == to_bytes(artifact)
