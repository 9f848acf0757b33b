"""The image, checked without Docker: its files, packages and command."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from nn import Artifact
from store import publish
from tests.helpers.server import free_port

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def _stages() -> dict[str, tuple[str, str]]:
    """Return the base and the instructions of each stage by its name."""
    parts = re.split(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, flags=re.MULTILINE)[1:]
    return {parts[i + 1]: (parts[i], parts[i + 2]) for i in range(0, len(parts), 3)}


def _copied(stage: str) -> set[str]:
    """Return the folders in /app of a stage, including those of its base."""
    origin, instructions = _stages()[stage]
    own = {match[1] for match in re.finditer(r"^COPY (\w+) \1$", instructions, re.MULTILINE)}
    return own | (_copied(origin) if origin in _stages() else set())


def test_the_service_image_does_not_contain_training() -> None:
    assert list(_stages())[-1] == "service"  # the default target of docker build
    assert _copied("service") == {"npserve", "nn", "store", "service"}
    assert _copied("training") == {"npserve", "nn", "store", "training"}
    assert "training.lock" not in _stages()["dependencies"][1]


def test_bases_are_slim_and_pinned_and_the_user_is_not_root() -> None:
    for origin, _ in _stages().values():
        assert origin in _stages() or re.fullmatch(r"python:3\.11-slim-bookworm", origin)
    for stage in ("service", "training"):
        origin, instructions = _stages()[stage]
        assert "USER" not in instructions
        assert re.search(r"^USER [1-9]\d*$", _stages()[origin][1], re.MULTILINE)


def test_copied_files_are_not_ignored() -> None:
    included = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for words in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        for name in words.split():
            assert name.partition("/")[0] in included
            assert (ROOT / name).exists()


@pytest.mark.slow
def test_the_service_runs_with_the_content_of_the_image(tmp_path: Path, artifact: Artifact) -> None:
    """Only the packages of the lock file, the copied folders and the command of the image are used."""
    for folder in _copied("service"):
        shutil.copytree(ROOT / folder, tmp_path / "app" / folder)
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = str(tmp_path / "venv/bin/python")
    lock = str(ROOT / "requirements/service.lock")
    install = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", lock]
    subprocess.run(install, check=True)
    publish(tmp_path / "models", "iris", artifact, {}, {})
    (command,) = re.findall(r"^CMD (.+)$", _stages()["service"][1], re.MULTILINE)
    port = free_port()
    with subprocess.Popen(
        [python, *json.loads(command)[1:]],
        cwd=tmp_path / "app",
        env={"NPSERVE_MODELS": str(tmp_path / "models"), "NPSERVE_BIND": f"127.0.0.1:{port}"},
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == f"Listening on http://127.0.0.1:{port}\n"
            assert server.stdout.readline() == "Serving iris 1\n"
            body = {"instances": [[1, 2, 3, 4]]}
            assert requests.post(f"http://127.0.0.1:{port}/predict", json=body, timeout=10).status_code == 200
            assert "npserve_rows_total" in requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
        finally:
            server.terminate()
    assert server.returncode == 0
