"""The installed command: it runs every command of its table in any folder, regardless of the files there."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import requests

from npserve import __version__
from npserve.command import COMMANDS, main
from store import publish
from tests.helpers.models import make_artifact
from tests.helpers.server import free_port

ROOT = Path(__file__).parents[2]
NPSERVE = Path(sys.executable).with_name("npserve")
# The content of packages in the current directory, which must not be imported.
SHADOW = "raise SystemExit('imported from the current directory')\n"
# Runs the command as if the module named by the first argument were not installed.
WITHOUT = """
import sys
missing = sys.argv.pop(1)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == missing:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Finder())
from npserve.command import main
sys.exit(main())
"""
LIBRARIES = ("jinja2", "matplotlib", "pyarrow", "requests", "scipy", "sklearn", "threadpoolctl", "tqdm")


def _run(*arguments: str | Path, program: str | Path = NPSERVE, **options: object) -> subprocess.CompletedProcess[str]:
    command = [program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **options)  # type: ignore[call-overload, no-any-return]


def test_help_shows_every_command_and_examples() -> None:
    run = _run("--help")
    assert (run.returncode, run.stderr) == (0, "")
    for name, command in COMMANDS.items():
        assert any(line.split() == [name, *command.help.split()] for line in run.stdout.splitlines())
    for step in ("npserve train --data", "npserve serve", "npserve promote"):
        assert step in run.stdout


def test_the_version_is_that_of_the_distribution() -> None:
    assert _run("--version").stdout == f"npserve {__version__}\n"
    assert version("npserve") == __version__


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a COMMAND is required: train, serve, list, promote, verify, alias, predict, evaluate, compare"),
        (["predicts"], "unknown command 'predicts': did you mean predict? npserve --help"),
        (["frobnicate"], "unknown command 'frobnicate': expected one of train, serve, list, promote"),
        (["--workers"], "the following arguments are required: COMMAND"),
    ],
)
def test_misuse_names_the_commands(arguments: list[str], message: str) -> None:
    run = _run(*arguments)
    assert (run.returncode, run.stdout) == (2, "")
    assert "COMMAND" in run.stderr
    assert message in run.stderr


@pytest.mark.parametrize("program", [[NPSERVE], [sys.executable, "-m", "store"]], ids=["npserve", "store"])
def test_a_closed_pipe_ends_a_command_quietly(program: list[str | Path], tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*program, "list"],
        cwd=ROOT,
        env={**os.environ, "NPSERVE_MODELS": str(tmp_path), "PYTHONUNBUFFERED": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (141, b"")


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_names_the_installed_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([name, "--help"])
    assert stopped.value.code == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"usage: npserve {name} ")
    assert re.search(rf"(?i)examples?: npserve {name} ", " ".join(printed.split()))
    assert "python -m" not in printed


@pytest.mark.parametrize("name", ["serve", "list", "promote", "verify", "alias"])
def test_the_help_of_a_command_explains_every_argument(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([name, "--help"])
    usage, description, *groups = capsys.readouterr().out.split("\n\n")
    assert usage.startswith("usage: ")
    assert len(description.split()) > 8
    explained = [group.split("\n", 1)[1] for group in groups if group.startswith(("positional arguments:", "options:"))]
    for argument in re.split(r"\n(?=  \S)", "\n".join(explained)):
        assert re.fullmatch(r"  \S.*?(  +|\n +)\S+ \S+.*", argument, re.DOTALL), argument


def test_help_imports_no_package() -> None:
    code = "import sys, npserve.command; print({'numpy', 'nn', 'store', 'service', 'training'} & sys.modules.keys())"
    assert _run("-c", code, program=sys.executable).stdout == "set()\n"


@pytest.mark.parametrize("missing", ["threadpoolctl", "training", "sklearn", "matplotlib"])
def test_a_missing_library_is_reported_with_its_extra(missing: str, tmp_path: Path) -> None:
    arguments: list[str | Path] = ["train", "--data", "digits", "--models", tmp_path]
    run = _run("-c", WITHOUT, missing, *arguments, program=sys.executable)
    expected = f"Error: npserve train needs {missing}: pip install 'npserve[training]'\n"
    assert (run.returncode, run.stdout, run.stderr) == (2, "", expected)


@pytest.mark.parametrize("missing", LIBRARIES)
def test_every_library_of_the_extra_is_reported(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def import_module(_: str) -> None:
        raise ModuleNotFoundError(f"No module named {missing!r}", name=missing)

    monkeypatch.setattr("npserve.command.import_module", import_module)
    assert main(["compare", "iris", "1", "2"]) == 2
    assert capsys.readouterr().err == f"Error: npserve compare needs {missing}: pip install 'npserve[training]'\n"


def test_the_commands_of_training_declare_their_extra() -> None:
    assert {command.extra for command in COMMANDS.values() if command.package == "training"} == {"training"}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {re.split("[>=]", requirement)[0].replace("scikit-learn", "sklearn") for requirement in extras["training"]}
    assert names == set(LIBRARIES)


def test_a_broken_installation_is_not_reported_as_a_missing_extra() -> None:
    for missing, arguments in (("training.config", ["--help"]), ("training.run", ["--data", "digits"])):
        run = _run("-c", WITHOUT, missing, "train", *arguments, program=sys.executable)
        assert (run.returncode, run.stdout) == (1, "")
        assert run.stderr.endswith(f"ModuleNotFoundError: No module named '{missing}'\n")


def test_the_store_requires_no_extra(tmp_path: Path) -> None:
    run = _run("-c", WITHOUT, "pyarrow", "list", "--models", tmp_path, program=sys.executable)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(f"{tmp_path} has no models yet")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A folder with a store in `models`, and packages with the same names as those of npserve."""
    publish(tmp_path / "models", "iris", make_artifact(np.random.default_rng(0)), {}, {})
    for name in ("nn", "store", "service", "training"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(SHADOW)
    return tmp_path


def _assert_it_works(program: list[str | Path], folder: Path) -> None:
    """Run a command of each package: store, training and service."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = _run(*program[1:], "list", program=program[0], cwd=folder, env=environment)
    assert (run.returncode, run.stderr) == (0, "")
    assert "iris" in run.stdout
    run = _run(*program[1:], "evaluate", "iris", "--data", "no.csv", program=program[0], cwd=folder, env=environment)
    assert (run.returncode, run.stderr) == (2, "Error: no.csv can't be read: No such file or directory\n")
    url = f"127.0.0.1:{free_port()}"
    server = subprocess.Popen(
        [*program, "serve", "--bind", url, "--workers", "1"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == f"Listening on http://{url}\n"
        assert server.stdout.readline() == "Serving iris 1\n"
        response = requests.post(f"http://{url}/predict", json={"instances": [[1, 2, 3, 4]]}, timeout=10)
        assert response.status_code == 200
    finally:
        server.terminate()
        _, errors = server.communicate(timeout=40)
    assert (server.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    "program", [[NPSERVE], [sys.executable, "-m", "npserve"]], ids=["npserve", "python -m npserve"]
)
def test_packages_in_the_current_directory_are_not_imported(program: list[str | Path], elsewhere: Path) -> None:
    _assert_it_works(program, elsewhere)


@pytest.fixture
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in a new environment with only the wheel installed; libraries come from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", folder, _sources(folder)], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    (wheel,) = folder.glob("*.whl")
    python = folder / "venv/bin/python"
    subprocess.run([*pip, "--python", python, "install", "--no-deps", "--no-index", wheel], check=True)
    (site,) = (folder / "venv/lib").glob("python*/site-packages")
    libraries = Path(np.__file__).parents[1]
    (site / "libraries.pth").write_text(f"{libraries}\n")
    return folder / "venv/bin/npserve"


def _sources(folder: Path) -> Path:
    """Copy the files of the repository: building in place would leave files there."""
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for file in filter(None, files.split("\0")):
        target = folder / "sources" / file
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / file).read_bytes())
    return folder / "sources"


@pytest.mark.slow
def test_the_wheel_is_sufficient(installed: Path, elsewhere: Path) -> None:
    assert _run("--version", program=installed).stdout == f"npserve {__version__}\n"
    _assert_it_works([installed], elsewhere)
    run = _run("train", "--data", "digits", "--epochs", "1", program=installed, cwd=elsewhere)
    assert run.returncode == 0, run.stderr
    assert (elsewhere / "models/digits/1/report.html").is_file()
    (licence,) = installed.parents[1].glob("lib/python*/site-packages/npserve-*.dist-info/licenses/LICENSE")
    assert licence.read_bytes() == (ROOT / "LICENSE").read_bytes()
