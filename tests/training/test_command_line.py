"""The help of the commands: every option is described, with its choices and its default."""

import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pytest

from training.__main__ import main
from training.config import GROUPS, Config

COMMANDS = ("train", "evaluate", "compare", "predict")


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("COLUMNS", "200")
    return str(request.param)


def test_an_unknown_option_prints_the_usage_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--data", "digits", "--fast"])
    assert stopped.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("usage: python -m training train ")
    assert printed.endswith("unrecognized arguments: --fast; --help lists the options\n")


def _help(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    return capsys.readouterr().out


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Yield each option or positional argument of a help page with its description."""
    body = re.sub(r"\n {24}", "  ", text)  # a long option has its description on the next line
    for line in re.findall(r"^  (\S.*)$", body, re.MULTILINE):
        name, _, description = line.partition("  ")
        yield name, description.strip()


def test_every_argument_has_a_description_and_every_option_a_default(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = dict(_entries(_help(command, capsys)))
    assert len(entries) >= 7
    for name, description in entries.items():
        assert len(description.split()) >= 3, name
    # These options have no default, or describe it in words.
    others = {
        "-h, --help",
        "--config FILE",
        "--data PATH",
        "--target COLUMN",
        "--drop COLUMN,...",
        "--numbers COLUMN,...",
        "--categories COLUMN,...",
        "--dates COLUMN,...",
        "--wait-for URL",
    }
    switches = {"--force", "--no-promote"}
    for name, description in entries.items():
        if name.startswith("--") and name not in others | switches:
            assert re.search(r" \((default: .+|required)\)$", description), name


@pytest.mark.parametrize(
    ("option", "choices"),
    [
        ("--task", "classification,regression"),
        ("--header", "true,false"),
        ("--calibrate", "true,false"),
        ("--activation", "linear,relu,leaky_relu,elu,selu,sigmoid,tanh,gelu,silu,softmax"),
        ("--optimizer", "adam,adamw,sgd,rmsprop"),
        ("--schedule", "cosine,constant"),
    ],
)
def test_help_and_errors_list_the_choices(option: str, choices: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert f"  {option} {{{choices}}}" in _help("train", capsys)
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--data", "digits", option, "unknown"])
    assert stopped.value.code == 2
    errors = capsys.readouterr().err
    assert all(choice in errors for choice in choices.split(","))
    assert "got 'unknown'" in errors


def test_help_lists_the_data_options_first_and_has_a_short_usage_line(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = _help(command, capsys)
    usage, _, rest = printed.partition("\n\n")
    assert usage.startswith(f"usage: python -m training {command} ")
    assert usage.endswith(" [options]")
    assert "\n" not in usage
    groups = re.findall(r"^(\w+):$", rest, re.MULTILINE)
    assert (
        groups
        == {
            "train": ["options", "data", "network", "training", "publishing", "output"],
            "evaluate": ["options", "model", "data", "output"],
            "compare": ["options", "model", "data", "output"],
            "predict": ["options", "model", "data", "output"],
        }[command]
    )


def test_each_setting_is_in_one_group_of_the_help() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(setting.name for setting in fields(Config))


def test_defaults_in_the_help_are_those_of_the_settings(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    descriptions = {name.split()[0]: description for name, description in _entries(_help("train", capsys))}
    for setting in fields(Config):
        default: Any = setting.default
        if default is not None:
            shown = ",".join(map(str, default)) if isinstance(default, tuple) else str(default).lower()
            assert descriptions[f"--{setting.name.replace('_', '-')}"].endswith(f" (default: {shown})")
