"""The command line of training: `python -m training train`."""

import argparse
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

from nn import ArtifactError
from store import StoreError
from training.config import Config
from training.errors import TrainingError
from training.run import run


def main(arguments: list[str] | None = None) -> int:
    """Run one command: 0 where it worked, 1 where the gate said no, 2 where it can't be done."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except (TrainingError, StoreError, ArtifactError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except MemoryError:
        print("Error: the data do not fit into memory; nothing was published", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nInterrupted; nothing was published.", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train networks and publish them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "train",
        help="train a network on a data set and publish it",
        description="Train a network on a data set, try it on rows that it has not seen, and publish it."
        " Settings come from a TOML file (--config), from options, or are found from the data.",
        epilog="example: python -m training train --data flowers.csv --target species --name flowers",
    )
    command.add_argument("--name", help="what to publish it as (default: the name of the file)")
    _add_models(command)
    command.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML, by the names of the options")
    for setting in fields(Config):
        _add_setting(command, setting.name, setting.default, setting.metadata)
    command.add_argument("--force", action="store_true", help="make it stable whatever its test metric")
    command.add_argument("--no-promote", action="store_true", help="publish it as candidate, leave stable alone")
    command.set_defaults(run=_train)
    return parser


def _add_models(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--models",
        type=Path,
        default=Path(os.environ.get("NPSERVE_MODELS", "models")),
        metavar="DIR",
        help="the store (default: $NPSERVE_MODELS, else models)",
    )


def _add_setting(command: argparse.ArgumentParser, name: str, default: Any, metadata: Any) -> None:
    """Make a setting an option; one that is not given leaves the choice to the file and the default."""

    def read(text: str) -> Any:
        try:
            value = metadata["read"](text)
        except (ValueError, KeyError):
            value = None
        if not metadata["check"](value):
            raise argparse.ArgumentTypeError(f"expected {metadata['expected']}, got {text!r}")
        return value

    shown = "" if default is None else f" (default: {_shown(default)})"
    command.add_argument(
        f"--{name.replace('_', '-')}",
        type=read,
        default=argparse.SUPPRESS,
        metavar=name.rpartition("_")[2].upper(),
        help=metadata["meaning"].replace("%", "%%") + shown,
    )


def _shown(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _train(options: argparse.Namespace) -> int:
    given = {setting.name: getattr(options, setting.name) for setting in fields(Config) if setting.name in options}
    config = Config.read(options.config, given)
    name = options.name or Path(config.data).stem.lower()
    publication = run(config, name, models=options.models, promote=not options.no_promote, force=options.force)
    test = publication.metrics["test"]
    figures = ", ".join(f"{figure} {value:.4f}" for figure, value in test.items() if figure != "rows")
    print(f"Test {figures} on {test['rows']:,} rows.")
    told = f"{publication.name} {publication.version}"
    print(f"Published {told} as {publication.alias}: {publication.reason}.")
    if publication.alias == "stable":
        print(f"Serve it with: python -m service --models {options.models}")
        return 0
    print(f"To serve it as stable: python -m store promote {told} --force --models {options.models}")
    return 0 if options.no_promote else 1


if __name__ == "__main__":
    sys.exit(main())
