import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nn import Artifact, ArtifactError, Golden
from store import StoreError, publish, read_version
from store.serving import Serving
from tests.helpers.models import make_artifact
from tests.helpers.publications import PROVENANCE, Publish


def test_the_first_version_becomes_stable(tmp_path: Path, publish_one: Publish) -> None:
    publication = publish_one(None, files={"report.html": b"<html>"})
    assert (publication.version, publication.alias) == (1, "stable")
    manifest = json.loads((tmp_path / "iris/1/manifest.json").read_text())
    assert manifest["command"] == "pytest"
    assert manifest["metrics"] == {}
    assert set(manifest["files"]) == {"model.npz", "report.html"}
    assert manifest["files"]["model.npz"]["size"] == (tmp_path / "iris/1/model.npz").stat().st_size
    assert json.loads((tmp_path / "iris/serving.json").read_text()) == {
        "aliases": {"stable": 1},
        "next_version": 2,
    }


@pytest.mark.parametrize(
    ("first", "second", "alias"),
    [
        (0.9, 0.95, "stable"),
        (0.9, 0.9, "stable"),
        (0.9, 0.88, "stable"),  # the margin is 2 sqrt(0.09 / 1000 + 0.1056 / 1000) = 0.0280
        (0.9, 0.87, "candidate"),
        (1.0, 1.0, "stable"),
        (0.9, None, "candidate"),
        (None, 0.9, "candidate"),
    ],
)
def test_the_gate_compares_accuracy(
    first: float | None, second: float | None, alias: str, tmp_path: Path, publish_one: Publish
) -> None:
    publish_one(first)
    publication = publish_one(second)
    assert (publication.version, publication.alias) == (2, alias)
    expected = {"stable": 2, "previous": 1} if alias == "stable" else {"stable": 1, "candidate": 2}
    assert Serving.read(tmp_path / "iris").aliases == expected


def test_the_gate_compares_mae_for_a_regression(tmp_path: Path, rng: np.random.Generator) -> None:
    artifact = make_artifact(rng, labels=())

    def alias(mae: float) -> str:
        metrics = {"test": {"mae": mae, "rmse": 1.25 * mae, "rows": 100}}
        return publish(tmp_path, "price", artifact, metrics, PROVENANCE).alias

    assert alias(1.0) == "stable"
    # rmse² - mae² = 0.5625 mae², so the margin from 1.0 to 1.2 is 2 sqrt(0.5625 (1 + 1.44) / 100) = 0.234.
    assert alias(1.2) == "stable"
    assert alias(1.6) == "candidate"
    assert alias(0.5) == "stable"


def test_the_gate_can_be_bypassed(publish_one: Publish) -> None:
    publish_one(0.9)
    assert publish_one(0.5, force=True).alias == "stable"
    assert publish_one(0.99, promote=False).alias == "candidate"


def test_no_number_is_used_twice(tmp_path: Path, publish_one: Publish) -> None:
    publish_one()
    publish_one()
    for file in (tmp_path / "iris/2").iterdir():
        file.unlink()
    (tmp_path / "iris/2").rmdir()
    assert publish_one().version == 3
    (tmp_path / "iris/7").mkdir()
    assert publish_one().version == 8


@pytest.mark.parametrize("name", ["", "Iris", "../iris", "a/b", ".iris", "x" * 64, "iris\n", "ä"])
def test_invalid_names_are_rejected(name: str, tmp_path: Path, artifact: Artifact) -> None:
    with pytest.raises(StoreError, match=r"invalid model name .*: expected 1 to 63 lowercase letters"):
        publish(tmp_path / "store", name, artifact, {}, PROVENANCE)
    assert not (tmp_path / "store").exists()


def test_concurrent_publishers_get_distinct_numbers(tmp_path: Path, publish_one: Publish) -> None:
    with ThreadPoolExecutor(4) as pool:
        publications = list(pool.map(lambda _: publish_one(), range(8)))
    assert sorted(publication.version for publication in publications) == list(range(1, 9))
    assert Serving.read(tmp_path / "iris").next_version == 9


def test_a_model_that_fails_its_golden_rows_is_not_published(tmp_path: Path, artifact: Artifact) -> None:
    wrong = Golden(artifact.golden.rows, artifact.golden.logits + 1, 1e-6)
    with pytest.raises(ArtifactError, match="golden rows deviate by 1"):
        publish(tmp_path, "iris", Artifact(artifact.model, wrong), {}, PROVENANCE)
    assert [entry.name for entry in (tmp_path / "iris").iterdir()] == [".lock"]


def test_a_damaged_serving_file_is_not_overwritten(tmp_path: Path, publish_one: Publish) -> None:
    publish_one()
    (tmp_path / "iris/serving.json").write_text("{}")
    with pytest.raises(StoreError, match=r"serving\.json is damaged .* restore it, or delete it"):
        publish_one()
    assert sorted(entry.name for entry in (tmp_path / "iris").iterdir()) == [".lock", "1", "serving.json"]


def test_a_full_disk_leaves_nothing_behind(
    tmp_path: Path, publish_one: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_one()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"iris could not be published in .*: No space left on device"):
        publish_one()
    monkeypatch.undo()
    assert sorted(entry.name for entry in (tmp_path / "iris").iterdir()) == [".lock", "1", "serving.json"]
    assert publish_one().version == 2


def test_a_store_that_is_a_file_is_rejected(tmp_path: Path, artifact: Artifact) -> None:
    (tmp_path / "store").touch()
    with pytest.raises(StoreError, match="could not be published"):
        publish(tmp_path / "store", "iris", artifact, {}, PROVENANCE)


class Steps:
    """Calls `event` before the nth operation on the disk, and before each that follows if it persists."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.left, self.persists = 0, False
        self.event: Callable[[], None] = lambda: None
        monkeypatch.setattr(os, "fsync", self._counted(os.fsync))
        for name in ("open", "mkdir", "rename", "replace"):
            monkeypatch.setattr(Path, name, self._counted(getattr(Path, name)))

    def _counted(self, function: Any) -> Any:
        def step(*arguments: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left == 0 or (self.left < 0 and self.persists):
                self.event()
            return function(*arguments, **options)

        return step


def _fail() -> None:
    raise OSError(28, "No space left on device")


def _interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def _interrupt_twice() -> None:
    _interrupt()
    _interrupt()


@pytest.mark.parametrize(
    ("event", "error"), [(_fail, StoreError), (_interrupt_twice, KeyboardInterrupt), (_interrupt, KeyboardInterrupt)]
)
def test_a_version_is_published_and_said_to_be_or_not_at_all(
    event: Callable[[], None],
    error: type[BaseException],
    tmp_path: Path,
    publish_one: Publish,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish_one()
    steps, published, said = Steps(monkeypatch), 1, 0
    steps.event = event
    for step in range(1, 100):
        steps.left = step
        message = _message(publish_one, error)
        if steps.left > 0:
            break
        if message == f"iris {published + 1} was published as stable":
            published, said = published + 1, said + 1
        else:
            assert "was published" not in message
        assert Serving.read(tmp_path / "iris").aliases["stable"] == published
        assert max(int(entry.name) for entry in (tmp_path / "iris").iterdir() if entry.name.isdigit()) == published
        assert not list((tmp_path / "iris").glob(".tmp-*"))
        published = publish_one().version
    assert step >= 12
    assert said == (step - 2 if event is _interrupt else 0)  # the first step takes the lock


def _message(publish_one: Publish, error: type[BaseException]) -> str:
    try:
        publish_one()
    except error as raised:
        return str(raised)
    return ""


def test_a_disk_that_fails_from_some_step_on_leaves_nothing_or_what_is_said(
    tmp_path: Path, publish_one: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_one()
    steps, published = Steps(monkeypatch), 1
    steps.event = _fail
    for step in range(1, 100):
        steps.left, steps.persists = step, True
        try:
            published = publish_one().version
        except StoreError:
            assert Serving.read(tmp_path / "iris").aliases["stable"] == published
        if steps.left > 0:
            break
        steps.persists = False
        published = publish_one().version
        assert Serving.read(tmp_path / "iris").aliases["stable"] == published
    assert step >= 12


# Publishes in a child process for each number on stdin, and prints the exit code of the child. The child exits without
# cleaning up, as in a power failure, before the nth operation on the disk.
CRASHING_PUBLISHER = """
import os, sys
from pathlib import Path
import numpy as np

def dying(function):
    def step(*arguments, **options):
        global steps
        steps -= 1
        if steps == 0:
            os._exit(9)
        return function(*arguments, **options)
    return step

from store import publish
from tests.helpers.models import make_artifact
artifact = make_artifact(np.random.default_rng(0))
for line in sys.stdin:
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    steps = int(line)
    os.fsync = dying(os.fsync)
    for name in ("open", "mkdir", "rename", "replace"):
        setattr(Path, name, dying(getattr(Path, name)))
    publish(Path(sys.argv[1]), "iris", artifact, {"test": {"accuracy": 0.9, "rows": 100}}, {})
    os._exit(0)
"""


@pytest.fixture
def crashing_publisher(tmp_path: Path) -> Iterator[Callable[[int], int]]:
    """Publish in a process that crashes before the given step; return its exit code."""
    command = [sys.executable, "-c", CRASHING_PUBLISHER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        pipes = process.stdin, process.stdout

        def publish_and_die(step: int) -> int:
            print(step, file=pipes[0], flush=True)
            return int(pipes[1].readline())

        yield publish_and_die


def test_a_crash_at_any_step_loses_nothing(
    tmp_path: Path, publish_one: Publish, crashing_publisher: Callable[[int], int]
) -> None:
    publish_one()
    published, crashes = 1, 0
    for step in range(1, 100):
        code = crashing_publisher(step)
        folder = tmp_path / "iris"
        aliases = Serving.read(folder).aliases
        assert aliases["stable"] in (published, published + 1)
        for number in aliases.values():
            read_version(tmp_path, "iris", number)
        numbers = [int(entry.name) for entry in folder.iterdir() if entry.name.isdigit()]
        for number in numbers:
            read_version(tmp_path, "iris", number)
        if code == 0:
            break
        assert code == 9
        crashes += 1
        published = publish_one().version
        assert published == max(numbers) + 1
        assert not list(folder.glob(".tmp-*"))
    assert code == 0
    assert crashes >= 12
