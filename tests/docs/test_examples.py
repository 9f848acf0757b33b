"""The examples of the pages run, in order, in a fresh copy of the project; responses match the pages."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.helpers.pages import DOCS, NOT_RUN, README, ROOT, SERVERS, Block, Page
from tests.helpers.server import free_port

EXAMPLES = [page for page in DOCS if any(block.note not in NOT_RUN for block in page.blocks)]


class Reader:
    """Follows pages from top to bottom in a folder, as a reader would."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._server: subprocess.Popen[bytes] | None = None
        # The folder's own packages come first, as they do where npserve is installed from it.
        path = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
        # Not that of a make which runs the tests: the make of the page would announce itself as its child.
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        self._environment = {**outside, "PATH": path, "PYTHONPATH": str(folder)}

    def follow(self, page: Page) -> None:
        """Run every block, and compare each block of JSON with the output of the previous block."""
        printed = ""
        for block in page.blocks:
            if block.language == "json":
                _assert_alike(json.loads(printed), json.loads(block.code))
            elif block.note not in NOT_RUN:
                printed = self.run(block)

    def run(self, block: Block) -> str:
        """Run a block; return its output."""
        code = block.code.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        if block.note == SERVERS:
            self.serve(code.replace("make run", f"make run PORT={self.port}"))
            return ""
        command = ["bash", "-euo", "pipefail", "-c", code] if block.language == "sh" else ["python", "-c", code]
        run = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False, timeout=100
        )
        assert run.returncode == 0, f"{block.code}\n{run.stdout}\n{run.stderr}"
        self._wait_until_served()
        return run.stdout

    def serve(self, command: str) -> None:
        """Stop the running server, if any, and start another one."""
        self.close()
        with (self.folder / "server.log").open("wb") as log:
            self._server = subprocess.Popen(
                ["bash", "-c", command],
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 60
        while True:
            try:
                if requests.get(self._url("readyz"), timeout=5).ok:
                    return
            except requests.ConnectionError:
                pass
            assert self._server.poll() is None, command
            assert time.monotonic() < deadline, command
            time.sleep(0.1)

    def _wait_until_served(self) -> None:
        """Wait, as a reader would, until the server serves the aliases of the store."""
        stored = {
            file.parent.name: json.loads(file.read_text())["aliases"]
            for file in self.folder.glob("models/*/serving.json")
        }
        deadline = time.monotonic() + 10
        while self._server and self.served() != stored:
            assert time.monotonic() < deadline, (self.served(), stored)
            time.sleep(0.1)
        # Each worker polls the store independently, and another one may respond next.
        time.sleep(1.2 if self._server else 0)

    def served(self) -> dict[str, dict[str, int]]:
        """Return the aliases of every model that is served."""
        models = requests.get(self._url("models"), timeout=5).json()["models"]
        return {model["name"]: model["aliases"] for model in models}

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"

    def close(self) -> None:
        if self._server and self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(timeout=40)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tmp_path / file)
    _install(tmp_path / ".venv")
    reader = Reader(tmp_path)
    yield reader
    reader.close()


def _install(environment: Path) -> None:
    """Link the environment of the tests and mark it as complete, so that make installs nothing there."""
    environment.mkdir()
    for path in Path(sys.prefix).iterdir():
        if not path.name.startswith("."):
            (environment / path.name).symlink_to(path)
    for marker in (".installer", ".ready", ".ready-for-tests"):
        (environment / marker).touch()


@pytest.mark.slow
def test_the_readme_can_be_followed(reader: Reader) -> None:
    reader.follow(README)
    assert (reader.folder / "server.log").read_text().startswith(f"npserve: http://127.0.0.1:{reader.port}\n")
    assert reader.served() == {"digits": {"stable": 1}, "flowers": {"stable": 1, "previous": 2}}


@pytest.fixture(scope="session")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of the tour of the README: a CSV file, and two versions of a model."""
    reader = Reader(tmp_path_factory.mktemp("tour"))
    blocks = [block for block in README.blocks if block.code.startswith(("import csv", "npserve train"))]
    assert len(blocks) == 3
    for block in blocks:
        reader.run(block)
    return reader.folder


@pytest.mark.slow
@pytest.mark.parametrize("page", EXAMPLES, ids=str)
def test_the_examples_of_a_page_run(page: Page, reader: Reader, tour: Path) -> None:
    shutil.copytree(tour, reader.folder, dirs_exist_ok=True)
    reader.serve(f"npserve serve --bind 127.0.0.1:{reader.port} --workers 1")
    reader.follow(page)


def _assert_alike(found: Any, shown: Any) -> None:
    """Assert that a response matches the page; numbers may differ by 0.1."""
    if isinstance(shown, dict):
        assert list(found) == list(shown)
        for key in shown:
            _assert_alike(found[key], shown[key])
    elif isinstance(shown, list):
        assert len(found) == len(shown)
        for one, other in zip(found, shown, strict=True):
            _assert_alike(one, other)
    else:
        assert found == (pytest.approx(shown, abs=0.1) if isinstance(shown, float) else shown)
