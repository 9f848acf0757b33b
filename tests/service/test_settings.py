"""Settings: defaults, environment variables, options, and the errors at startup."""

import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from service.settings import Settings, SettingsError, option, variable


def test_variables_override_the_defaults() -> None:
    assert Settings.from_environment({}) == Settings()
    settings = Settings.from_environment({"NPSERVE_MODELS": "/srv", "NPSERVE_WORKERS": "7", "OTHER": "x"})
    assert (settings.models, settings.workers) == (Path("/srv"), 7)


def test_each_setting_has_a_variable_and_an_option() -> None:
    assert [variable(setting.name) for setting in fields(Settings)][:2] == ["NPSERVE_MODELS", "NPSERVE_BIND"]
    assert option("max_body_bytes") == "--max-body-bytes"


@pytest.mark.parametrize("bind", ["0.0.0.0:80", "[::1]:8000", "localhost:0", "unix:/run/npserve.sock"])
def test_valid_addresses_are_accepted(bind: str) -> None:
    assert Settings.from_environment({"NPSERVE_BIND": bind}).bind == bind


def test_the_admin_address_is_another_one() -> None:
    assert Settings.from_environment({"NPSERVE_ADMIN_BIND": ""}).admin_bind == ""
    assert Settings.from_environment({"NPSERVE_ADMIN_BIND": "[::]:9090"}).admin_bind == "[::]:9090"
    with pytest.raises(SettingsError, match="NPSERVE_ADMIN_BIND=here:80: expected another address than NPSERVE_BIND"):
        Settings.from_environment({"NPSERVE_BIND": "here:80", "NPSERVE_ADMIN_BIND": "here:80"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("NPSERVE_ADMIN_BIND", "9090"),
        ("NPSERVE_WORKERS", "0"),
        ("NPSERVE_WORKERS", "two"),
        ("NPSERVE_WORKERS", "-1"),
        ("NPSERVE_WORKERS", ""),
        ("NPSERVE_MAX_ROWS", "1e4"),
        ("NPSERVE_DETERMINISTIC", "yes"),
        ("NPSERVE_BIND", "8000"),
        ("NPSERVE_BIND", "localhost:"),
        ("NPSERVE_BIND", "localhost:70000"),
        ("NPSERVE_BIND", "::1:8000"),
        ("NPSERVE_BIND", "[::1:8000"),
        ("NPSERVE_BIND", "http://localhost:8000"),
        ("NPSERVE_WORKERS", "9" * 13),
    ],
)
def test_an_error_names_the_variable_and_gives_the_value_and_the_accepted_values(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=re.escape(f"{name}={value}: expected")):
        Settings.from_environment({name: value})


@pytest.mark.parametrize("command", ["-m service", "-m gunicorn -c service/gunicorn.conf.py"])
def test_an_invalid_value_aborts_startup_with_one_line(command: str) -> None:
    run = subprocess.run(
        [sys.executable, *command.split()],
        env={"NPSERVE_WORKERS": "many", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert run.returncode != 0
    assert run.stderr == "Error: NPSERVE_WORKERS=many: expected a positive integer of at most 12 digits\n"


def test_blas_threads_are_limited_before_numpy_is_imported() -> None:
    script = (
        "import runpy; runpy.run_path('service/gunicorn.conf.py');"
        "import threadpoolctl; print({pool['num_threads'] for pool in threadpoolctl.threadpool_info()})"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    run = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout == "{1}\n"


def test_the_help_has_each_option_with_its_unit_and_default() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "service", "--help"],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    printed = " ".join(run.stdout.split())
    for setting in fields(Settings):
        default = "none" if setting.default == "" else setting.default
        name, metavar, meaning = option(setting.name), setting.metadata["metavar"], setting.metadata["meaning"]
        assert f"{name} {metavar} {meaning} (default: {default})" in printed
    metavars = {setting.name: setting.metadata["metavar"] for setting in fields(Settings)}
    assert (metavars["models"], metavars["bind"], metavars["deterministic"]) == ("DIR", "HOST:PORT", "{0,1}")
    assert {metavars[name] for name in metavars if name.endswith("_bytes")} == {"BYTES"}
    assert {metavars[name] for name in metavars if name.endswith("_seconds")} == {"SECONDS"}
