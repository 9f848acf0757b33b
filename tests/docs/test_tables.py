"""The tables of the pages are complete: settings, routes, statuses, metrics, commands, options, names."""

import argparse
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from nn.activations import ACTIVATIONS
from npserve.command import COMMANDS
from service.app import create_app
from service.errors import ClientGone, RequestError
from service.metrics.exposition import AllProcesses
from service.metrics.families import FAMILIES, HIDDEN_FROM, REQUESTS
from service.metrics.registry import Metrics
from service.protocols.codec import STATUSES
from service.settings import Settings, option, variable
from tests.helpers.pages import ROOT, Page
from training.__main__ import _parser as training_parser
from training.config import Config
from training.files.read import READERS
from training.files.table import NA_VALUES
from training.keras import callbacks, initializers, layers, losses, metrics, models, optimizers, regularizers

HTTP, DATA, COMMAND_LINE = Page("docs/http.md"), Page("docs/data.md"), Page("docs/command-line.md")


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
    assert Page("docs/settings.md").table("variable", "option", "default", "meaning") == rows


def test_every_route_is_in_its_table(tmp_path: Path) -> None:
    app = create_app(Settings(models=tmp_path))
    app.extensions["npserve"].reloader.stop()
    routes = {
        f"`{method} {rule.rule}`"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    cells = [row[0] for table in HTTP.tables for row in table]
    named = [route for cell in cells for route in re.findall(r"`(?:GET|POST) [^`]+`", cell)]
    assert sorted(named) == sorted(routes)


def test_every_status_is_in_its_table() -> None:
    named = {int(status): row[1] for row in HTTP.table("status", "when") for status in row[0].split(", ")}
    files = [*(ROOT / "service/server").glob("*.py"), ROOT / "service/head_checks.py"]
    server = "".join(file.read_text() for file in files)
    refused = re.findall(r"RequestRejected\(([45]\d\d), ", server)
    sent = {RequestError.status, *(error.status for error in RequestError.__subclasses__())} - {ClientGone.status}
    assert named.keys() == sent | STATUSES.keys() | {405} | {*map(int, refused)}
    for meaning in (named[503], STATUSES[503]):
        assert "loaded" in meaning
        assert "too many requests wait" in meaning
        assert "large bodies hold too much memory" in meaning


def test_every_metric_is_in_its_table() -> None:
    rows = {row[0].strip("`"): row[1] for row in Page("docs/metrics.md").table("metric", "labels", "meaning")}
    labels = {family.name: family.labels for family in FAMILIES if family is not HIDDEN_FROM}
    metrics = Metrics()
    metrics.find(REQUESTS, "iris", "1", "native", "ok")
    assert metrics._memory is not None
    for metric in AllProcesses(list(metrics._memory.images()), ()).collect():
        for sample in metric.samples:
            if not sample.name.startswith(REQUESTS.name):
                labels.setdefault(sample.name, tuple(sample.labels))
    assert rows == {name: ", ".join(found) for name, found in labels.items()}


def test_every_outcome_is_in_its_table() -> None:
    outcomes = {"ok", RequestError.outcome, *(error.outcome for error in RequestError.__subclasses__())}
    assert {row[0] for row in Page("docs/metrics.md").table("outcome", "meaning")} == outcomes


def test_queries_name_metrics_that_exist() -> None:
    page = Page("docs/metrics.md")
    metrics = {row[0].strip("`") for row in page.table("metric", "labels", "meaning")}
    for _, query in page.table("question", "PromQL"):
        for name in re.findall(r"npserve_\w+", query):
            assert re.sub(r"_(count|bucket|sum)$", "", name) in metrics


def test_every_command_is_in_its_table() -> None:
    rows = [[f"`npserve {name}`", command.help] for name, command in COMMANDS.items()]
    assert COMMAND_LINE.table("command", "does") == rows


def _train_options() -> dict[str, argparse.Action]:
    actions = training_parser("npserve")._actions
    (commands,) = [action for action in actions if isinstance(action, argparse._SubParsersAction)]
    actions = commands.choices["train"]._actions
    return {action.option_strings[-1]: action for action in actions if action.dest != "help"}


def test_every_setting_of_a_run_is_in_its_table() -> None:
    rows = [
        [
            f"`{option(setting.name)}`",
            "" if setting.default is None else f"`{_shown(setting.default)}`",
            setting.metadata["expected"],
            setting.metadata["help"],
        ]
        for setting in fields(Config)
    ]
    assert COMMAND_LINE.table("option", "default", "accepts", "meaning") == rows


def _shown(default: object) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default).lower()


def test_every_other_option_of_train_is_in_its_table() -> None:
    settings = {option(setting.name) for setting in fields(Config)}
    rows = [row[0] for row in COMMAND_LINE.table("option", "meaning")]
    assert rows == [f"`{name}`" for name in _train_options() if name not in settings]


def test_every_file_format_and_missing_value_is_named() -> None:
    assert {*re.findall(r"`(\.[a-z]+)`", DATA.text)} == {*READERS}
    for word in NA_VALUES[1:]:
        assert f"`{word}`" in DATA.text


def test_every_name_of_the_keras_api_is_in_its_table() -> None:
    named = {row[0].strip("`"): row[1] for row in Page("docs/keras.md").table("module", "names")}
    kinds: dict[str, Iterable[Any]] = {
        "layers": layers.LAYERS,
        "optimizers": optimizers.OPTIMIZERS.values(),
        "optimizers.schedules": optimizers.schedules.SCHEDULES,
        "losses": losses.LOSSES.values(),
        "metrics": metrics.METRICS.values(),
        "callbacks": [getattr(callbacks, name) for name in callbacks.__all__],
        "initializers": ["Constant", *(name.title().replace("_", "") for name in initializers.INITIALIZERS)],
        "regularizers": ["L1", "L2", "L1L2", *regularizers.REGULARIZERS],
        "models": [getattr(models, name) for name in models.__all__],
    }
    for module, members in kinds.items():
        names = dict.fromkeys(getattr(member, "__name__", str(member)) for member in members)
        assert named.pop(module) == ", ".join(f"`{name}`" for name in names), module
    assert named.pop("utils") == "`PyDataset`, `Sequence`, `set_random_seed`, `to_categorical`"
    assert named == {}


def test_every_activation_is_named() -> None:
    names = ", ".join(f'`"{name}"`' for name in ACTIVATIONS)
    assert f"The activations are {names}." in " ".join(Page("docs/keras.md").text.split())


@pytest.mark.parametrize("row", Page("docs/benchmarks.md").table("module", "measures", "needs"), ids=lambda row: row[0])
def test_every_benchmark_exists(row: list[str]) -> None:
    assert importlib.util.find_spec(row[0].strip("`"))


def test_the_options_of_the_benchmarks_exist() -> None:
    options: dict[str, set[str]] = {}
    for line in Page("docs/benchmarks.md").noted("takes minutes").code.splitlines():
        found = re.search(r"python -m (benchmarks\.\w+)(.*)", line)
        assert found
        options.setdefault(found[1], set()).update(re.findall(r"--[\w-]+", found[2]))
    for module, names in options.items():
        run = [sys.executable, "-m", module, "--help"]
        text = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        assert [name for name in sorted(names) if name not in text] == []
