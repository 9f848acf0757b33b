import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from service.settings import Settings, SettingsError, option, variable


def test_defaults_and_values() -> None:
    assert Settings.from_environment({}) == Settings()
    settings = Settings.from_environment({"NPSERVE_MODELS": "/srv", "NPSERVE_WORKERS": "7", "OTHER": "x"})
    assert (settings.models, settings.workers) == (Path("/srv"), 7)


def test_names() -> None:
    assert [variable(setting.name) for setting in fields(Settings)][:2] == ["NPSERVE_MODELS", "NPSERVE_BIND"]
    assert option("max_body_bytes") == "--max-body-bytes"


@pytest.mark.parametrize("bind", ["0.0.0.0:80", "[::1]:8000", "localhost:0", "unix:/run/npserve.sock"])
def test_addresses(bind: str) -> None:
    assert Settings.from_environment({"NPSERVE_BIND": bind}).bind == bind


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NPSERVE_WORKERS", "0"),
        ("NPSERVE_WORKERS", "two"),
        ("NPSERVE_WORKERS", "-1"),
        ("NPSERVE_WORKERS", ""),
        ("NPSERVE_MAX_ROWS", "1e4"),
        ("NPSERVE_DETERMINISTIC", "yes"),
        ("NPSERVE_BIND", "8000"),
        ("NPSERVE_BIND", "localhost:"),
        ("NPSERVE_BIND", "localhost:70000"),
    ],
)
def test_a_bad_value_stops_the_start_with_its_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}={value}: expected"):
        Settings.from_environment({name: value})


@pytest.mark.parametrize("command", ["-m service", "-m gunicorn -c service/gunicorn.conf.py"])
def test_it_is_one_sentence_however_it_is_started(command: str) -> None:
    run = subprocess.run(
        [sys.executable, *command.split()],
        env={"NPSERVE_WORKERS": "many", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert run.returncode != 0
    assert run.stderr == "Error: NPSERVE_WORKERS=many: expected a whole number from 1 on\n"


def test_numpy_comes_after_the_threads_of_blas_are_set() -> None:
    script = (
        "import runpy; runpy.run_path('service/gunicorn.conf.py');"
        "import threadpoolctl; print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "{1}\n"


def test_a_folder_for_metrics_that_can_not_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    run = subprocess.run(
        [sys.executable, "-m", "service", "--models", str(tmp_path), "--bind", "127.0.0.1:0"],
        env={"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "file/metrics"), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert run.returncode != 0
    assert run.stderr == f"Error: PROMETHEUS_MULTIPROC_DIR={tmp_path / 'file/metrics'}: Not a directory\n"
