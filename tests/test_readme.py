"""The README does what it says: its commands run, its tables are complete, its names exist."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from service.app import create_app
from service.errors import ClientGone, RequestError
from service.metrics.registry import Metrics
from service.protocols.codec import STATUSES
from service.settings import Settings, option, variable
from tests.helpers.server import free_port

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SKIPPED = ("not here: this is what runs this page", "the tests set their own", "needs Docker", "needs a cluster")


@dataclass(frozen=True)
class Block:
    note: str
    language: str
    code: str


def _blocks() -> list[Block]:
    found = re.findall(r"(?:<!-- ([^\n]+) -->\n)?```(\w+)\n(.*?)```", README, re.DOTALL)
    assert len(found) == README.count("```") / 2
    return [Block(*block) for block in found]


def test_every_note_is_known() -> None:
    notes = {block.note for block in _blocks()}
    assert notes == {"", "in a terminal of its own", *SKIPPED}
    assert {block.language for block in _blocks()} == {"sh", "python", "json"}


class Reader:
    """Somebody who follows the page from top to bottom, in a fresh copy of the project."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._environment = {**os.environ, "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"}

    def run(self, block: Block) -> str:
        """Do what a block says; return what it printed."""
        code = block.code.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}")
        if block.note == "in a terminal of its own":
            self._serve(code.replace("make run", f"make run PORT={self.port}"))
            return ""
        command = ["bash", "-euo", "pipefail", "-c", code] if block.language == "sh" else ["python", "-c", code]
        run = subprocess.run(
            command, cwd=self.folder, env=self._environment, capture_output=True, text=True, check=False, timeout=100
        )
        assert run.returncode == 0, f"{block.code}\n{run.stdout}\n{run.stderr}"
        time.sleep(2.5)  # whatever it published, the server follows
        return run.stdout

    def _serve(self, command: str) -> None:
        self.close()
        self._server = subprocess.Popen(
            ["bash", "-c", command], cwd=self.folder, env=self._environment, start_new_session=True
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                if requests.get(f"http://127.0.0.1:{self.port}/readyz", timeout=5).ok:
                    return
            except requests.ConnectionError:
                pass
            assert self._server.poll() is None, command
            assert time.monotonic() < deadline, command
            time.sleep(0.1)

    def close(self) -> None:
        if self._server and self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(timeout=40)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    files = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / file, tmp_path / file)
    (tmp_path / ".venv").symlink_to(sys.prefix)
    reader = Reader(tmp_path)
    yield reader
    reader.close()


@pytest.mark.slow
def test_the_page_can_be_followed(reader: Reader) -> None:
    printed = ""
    for block in _blocks():
        if block.language == "json":
            _assert_alike(json.loads(printed), json.loads(block.code))
        elif block.note not in SKIPPED:
            printed = reader.run(block)
    served = requests.get(f"http://127.0.0.1:{reader.port}/models", timeout=5).json()["models"]
    assert {model["name"]: model["stable"] for model in served} == {
        "digits": 1,
        "flowers": 1,
        "by-hand": 1,
        "in-keras-words": 1,
    }


def _assert_alike(found: Any, shown: Any) -> None:
    """Assert that an answer is what the page shows, numbers to one decimal."""
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


def _table(heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading, without its head."""
    section = README.split(f"\n## {heading}\n")[1]
    table = re.search(r"((?:^\|.*\n)+)", section, re.MULTILINE)
    assert table
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]
    return rows[2:]


def test_every_setting_is_in_its_table() -> None:
    rows = [
        [
            f"`{variable(setting.name)}`",
            f"`{option(setting.name)}`",
            f"`{setting.default}`" if setting.default != "" else "",
            setting.metadata["meaning"],
        ]
        for setting in fields(Settings)
    ]
    assert _table("Settings") == rows


def test_every_route_is_in_its_table(tmp_path: Path) -> None:
    app = create_app(Settings(models=tmp_path))
    app.extensions["npserve"].reloader.stop()
    routes = {
        f"`{method} {rule.rule}`"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    section = README.partition("\n## HTTP\n")[2].partition("\n## ")[0]
    named = re.findall(r"`(?:GET|POST) [^`]+`", "\n".join(re.findall(r"^\|.*$", section, re.MULTILINE)))
    assert sorted(named) == sorted(routes)


def test_every_status_is_in_its_table() -> None:
    named = {
        int(status): meaning
        for statuses, meaning in re.findall(r"^\| (\d{3}(?:, \d{3})*) \| (.+) \|$", README, re.MULTILINE)
        for status in statuses.split(", ")
    }
    server = "".join(file.read_text() for file in (ROOT / "service/server").glob("*.py"))
    refused = re.findall(r"RequestRejected\(([45]\d\d), ", server)
    sent = {RequestError.status, *(error.status for error in RequestError.__subclasses__())} - {ClientGone.status}
    assert named.keys() == sent | STATUSES.keys() | {405} | {*map(int, refused)}
    for meaning in (named[503], STATUSES[503]):
        assert "loaded" in meaning
        assert "too many requests wait" in meaning
        assert "too much is" in meaning


def test_every_metric_is_in_its_table() -> None:
    rows = {row[0].strip("`"): row[1] for row in _table("Metrics")}
    metrics = [metric for metric in vars(Metrics()).values() if hasattr(metric, "_labelnames")]
    for metric in metrics:
        name = metric._name + ("_total" if metric._type == "counter" else "")
        assert rows.pop(name) == ", ".join(metric._labelnames)
    assert rows == {}


def test_every_folder_and_file_exists() -> None:
    for folder, _, first in _table("What's where"):
        path = ROOT / folder.strip("`")
        assert path.is_dir()
        for name in re.findall(r"`(.+?)`", first):
            assert (path / name).is_file()


def test_the_docker_commands_fit_the_dockerfile() -> None:
    (block,) = [block for block in _blocks() if block.note == "needs Docker"]
    dockerfile = (ROOT / "Dockerfile").read_text()
    for line in block.code.splitlines():
        if line.startswith("docker build"):
            assert f"{line}\n" in dockerfile
    (target,) = re.findall(r"--target (\S+)", block.code)
    assert f" AS {target}\n" in dockerfile
    (port,) = re.findall(r"-p \d+:(\d+)", block.code)
    assert f"EXPOSE {port}\n" in dockerfile
    assert set(re.findall(r"-v \S+:(\S+)", block.code)) == set(re.findall(r"^VOLUME (\S+)", dockerfile, re.MULTILINE))


def test_the_cluster_commands_fit_the_manifests() -> None:
    (block,) = [block for block in _blocks() if block.note == "needs a cluster"]
    (folder,) = re.findall(r"apply -k (\S+)", block.code)
    listed = yaml.safe_load((ROOT / folder / "kustomization.yaml").read_text())["resources"]
    objects = {
        (thing["kind"], thing["metadata"]["name"]): thing
        for file in listed
        for thing in yaml.safe_load_all((ROOT / folder / file).read_text())
    }
    (job,) = re.findall(r"--from=cronjob/(\S+)", block.code)
    assert ("CronJob", job) in objects
    (service, port) = re.findall(r"port-forward service/(\S+) \d+:(\d+)", block.code)[0]
    assert objects["Service", service]["spec"]["ports"][0]["port"] == int(port)
