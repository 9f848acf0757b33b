"""The command line of training: `python -m training train | evaluate | compare | predict`."""

import argparse
import os
import sys
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from nn import ArtifactError
from store import StoreError
from training.commands import run_compare, run_evaluate, run_predict, run_train
from training.config import Config
from training.errors import TrainingError
from training.interrupts import Interrupted


def main(arguments: list[str] | None = None, program: str = "python -m training") -> int:
    """Run one command, shown in its help as a command of `program`.

    Returns 0 on success, 1 if the version was not promoted, 2 if the command can't be done, 130 if interrupted.
    """
    options = _parser(program).parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
    except (Interrupted, KeyboardInterrupt) as error:
        print(f"\nInterrupted{f': {error}' if str(error) else '; nothing was published'}.", file=sys.stderr)
        return 130
    except (TrainingError, StoreError, ArtifactError, MemoryError) as error:
        no_memory = "the data do not fit into memory; nothing was published"
        print(f"Error: {no_memory if isinstance(error, MemoryError) else error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader has closed the pipe, such as `| head -1`; the interpreter must not flush stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="Train networks and publish them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add_command in (_add_train, _add_evaluate, _add_compare, _add_predict):
        add_command(commands)
    store = Path(os.environ.get("NPSERVE_MODELS", "models"))
    explained = "the store (default: $NPSERVE_MODELS, else models)"
    for command in commands.choices.values():
        command.add_argument("--models", type=Path, default=store, metavar="DIR", help=explained)
    return parser


def _add_train(commands: Any) -> None:
    command = commands.add_parser(
        "train",
        help="train a network on a data set and publish it",
        description="Train a network on a data set, try it on rows that it has not seen, and publish it."
        " Settings come from a TOML file (--config), from options, or are found from the data.",
        epilog="example: %(prog)s --data flowers.csv --target species --name flowers",
    )
    command.set_defaults(run=run_train)
    command.add_argument("--name", help="what to publish it as (default: the name of the file)")
    command.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML, by the names of the options")
    for setting in fields(Config):
        _add_setting(command, setting)
    command.add_argument("--json", action="store_true", help="print a JSON object a line, for programs")
    command.add_argument("--force", action="store_true", help="make it stable whatever its test metric")
    command.add_argument("--no-promote", action="store_true", help="publish it as candidate, leave stable alone")
    command.add_argument("--wait-for", metavar="URL", help="then wait until the service there has it, and try it")
    command.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="how long to wait (default: %(default)g)"
    )


def _add_evaluate(commands: Any) -> None:
    command = commands.add_parser(
        "evaluate",
        help="say how good a version is on new data",
        description="Run a published version over the rows of a file and print the figures of its training report.",
        epilog="example: %(prog)s flowers --data june.csv",
    )
    command.set_defaults(run=run_evaluate)
    _add_version(command)
    _add_data(command, scored=True)


def _add_compare(commands: Any) -> None:
    command = commands.add_parser(
        "compare",
        help="say which of two versions is better, and whether that is chance",
        description="Run two versions over the same rows. McNemar's test (for a regression the sign test) says how"
        " likely chance alone makes such a difference.",
        epilog="example: %(prog)s flowers 1 2 --data june.csv",
    )
    command.set_defaults(run=run_compare)
    command.add_argument("name", metavar="NAME")
    command.add_argument("versions", metavar="VERSION", nargs=2, help="two numbers or aliases")
    _add_data(command, scored=True)


def _add_predict(commands: Any) -> None:
    command = commands.add_parser(
        "predict",
        help="predict the rows of a file",
        description="Write the rows of a file with their predictions to another one; neither need fit into memory.",
        epilog="example: %(prog)s flowers --data new.csv --out predicted.parquet",
    )
    command.set_defaults(run=run_predict)
    _add_version(command)
    _add_data(command, scored=False)
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .csv or .parquet file to write")


def _add_version(command: argparse.ArgumentParser) -> None:
    command.add_argument("name", metavar="NAME")
    command.add_argument("--version", default="stable", help="a number or an alias (default: %(default)s)")


def _add_data(command: argparse.ArgumentParser, *, scored: bool) -> None:
    """Add the options of a file of rows, and those of its scores."""
    command.add_argument("--data", type=Path, required=True, metavar="FILE", help="a .csv, .parquet or .npz file")
    if scored:
        command.add_argument("--target", metavar="COLUMN", help="what to compare with (default: as in training)")
    for setting in fields(Config):
        if setting.name in ("delimiter", "header"):
            _add_setting(command, setting)
    if scored:
        command.add_argument("--json", action="store_true", help="print JSON, for programs")


def _add_setting(command: argparse.ArgumentParser, setting: Field[Any]) -> None:
    """Make a setting an option, which is None if it is not given: file and default then decide."""
    metadata, default = setting.metadata, setting.default

    def parse(text: str) -> Any:
        try:
            value = metadata["parse"](text)
        except (ValueError, KeyError):
            value = None
        if not metadata["check"](value):
            raise argparse.ArgumentTypeError(f"expected {metadata['expected']}, got {text!r}")
        return value

    shown = ",".join(map(str, default)) if isinstance(default, tuple) else str(default).lower()
    command.add_argument(
        f"--{setting.name.replace('_', '-')}",
        type=parse,
        metavar=setting.name.rpartition("_")[2].upper(),
        help=metadata["help"].replace("%", "%%") + ("" if default is None else f" (default: {shown})"),
    )


if __name__ == "__main__":
    sys.exit(main())
