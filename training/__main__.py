"""The command line of training: `python -m training train | evaluate | compare | predict`."""

import argparse
import os
import sys
from dataclasses import Field, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from nn import ArtifactError
from store import StoreError
from training.config import GROUPS, Config
from training.errors import TrainingError
from training.interrupts import Interrupted, like_ctrl_c


def main(arguments: list[str] | None = None, program: str = "python -m training") -> int:
    """Run one command, and return its exit code; `program` is the name of the program in the help.

    Returns 0 on success, 1 if the version was not promoted, 2 on invalid input or data, 130 if interrupted, and 141 if
    the reader of the output closed the pipe.
    """
    options, unknown = _parser(program).parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}; --help lists the options")
    unpublished = "; nothing was published" if options.command == "train" else ""
    try:
        with like_ctrl_c():
            command = import_module(f"training.commands.{options.command}")
            code = int(command.main(options))
        sys.stdout.flush()
    except (Interrupted, KeyboardInterrupt) as error:
        print(f"\nInterrupted{f': {error}' if str(error) else unpublished}.", file=sys.stderr)
        return 130
    except (TrainingError, StoreError, ArtifactError, MemoryError) as error:
        for note in getattr(error, "__notes__", ()):
            print(f"Note: {note}.", file=sys.stderr)
        no_memory = f"out of memory{unpublished}. Use fewer rows or columns, or a machine with more memory"
        print(f"Error: {no_memory if isinstance(error, MemoryError) else error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader closed the pipe, such as `| head -1`: keep the interpreter from flushing stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="Train, evaluate and use neural networks.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for add_command in (_add_train, _add_evaluate, _add_compare, _add_predict):
        add_command(commands)
    return parser


def _add_train(commands: Any) -> None:
    command = commands.add_parser(
        "train",
        usage="%(prog)s --data PATH [--target COLUMN] [options]",
        help="train a network on a data set and publish it",
        description="Train a network on a data set, evaluate it on a held-out test set, and publish it as a new version"
        " of a model. Options override the settings of the TOML file (--config).",
        epilog="example: %(prog)s --data flowers.csv --target species --name flowers",
    )
    command.set_defaults(command="train", parser=command)
    command.add_argument("--config", type=Path, metavar="FILE", help="TOML file with settings, such as epochs = 20")
    settings = {setting.name: setting for setting in fields(Config)}
    for title, names in GROUPS.items():
        group = command.add_argument_group(title)
        for name in names:
            _add_setting(group, settings[name])
    _add_publishing(command.add_argument_group("publishing"))
    _add_json(command.add_argument_group("output"), "print each event as a JSON object on its own line")


def _add_publishing(group: Any) -> None:
    group.add_argument("--name", help="name of the model (default: data file name without suffix, in lower case)")
    _add_models(group)
    group.add_argument(
        "--force", action="store_true", help="make the new version stable even if its test metric is worse"
    )
    group.add_argument(
        "--no-promote", action="store_true", help="publish the new version as candidate; stable stays unchanged"
    )
    group.add_argument(
        "--wait-for",
        metavar="URL",
        help="after publishing, wait until the service at this URL serves the new version, and check a prediction",
    )
    group.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="timeout of --wait-for (default: %(default)g)"
    )


def _add_evaluate(commands: Any) -> None:
    command = commands.add_parser(
        "evaluate",
        usage="%(prog)s NAME --data FILE [options]",
        help="compute the metrics of a version on new data",
        description="Run a published version on the rows of a file and print its metrics with 95%"
        " confidence intervals.",
        epilog="example: %(prog)s flowers --data june.csv",
    )
    command.set_defaults(command="evaluate", parser=command)
    _add_version(command)
    _add_data(command, scored=True)
    _add_on_error(command)
    _add_json(command.add_argument_group("output"), "print the metrics as a JSON object")


def _add_compare(commands: Any) -> None:
    command = commands.add_parser(
        "compare",
        usage="%(prog)s NAME VERSION VERSION --data FILE [options]",
        help="compare two versions and test whether the difference is statistically significant",
        description="Run two versions on the same rows and compare their accuracy (McNemar's test) or mean absolute"
        " error (bootstrap test).",
        epilog="example: %(prog)s flowers 1 2 --data june.csv",
    )
    command.set_defaults(command="compare", parser=command, on_error="stop")  # both take the same rows
    model = command.add_argument_group("model")
    model.add_argument("name", metavar="NAME", help="name of the model")
    model.add_argument("versions", metavar="VERSION", nargs=2, help="two version numbers or aliases")
    _add_models(model)
    _add_data(command, scored=True)
    _add_json(command.add_argument_group("output"), "print the comparison as a JSON object")


def _add_predict(commands: Any) -> None:
    command = commands.add_parser(
        "predict",
        usage="%(prog)s NAME --data FILE --out FILE [options]",
        help="predict the rows of a file",
        description="Write the rows of a file with their predictions to another file. Files may be larger than memory.",
        epilog="example: %(prog)s flowers --data new.csv --out predicted.parquet",
    )
    command.set_defaults(command="predict", parser=command)
    _add_version(command)
    _add_data(command, scored=False)
    _add_on_error(command)
    output = command.add_argument_group("output")
    output.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help=".csv or .parquet file to write (required)"
    )


def _add_version(command: argparse.ArgumentParser) -> None:
    model = command.add_argument_group("model")
    model.add_argument("name", metavar="NAME", help="name of the model")
    model.add_argument("--version", default="stable", help="version number or alias (default: %(default)s)")
    _add_models(model)


def _add_models(group: Any) -> None:
    store = Path(os.environ.get("NPSERVE_MODELS", "models"))
    group.add_argument(
        "--models", type=Path, default=store, metavar="DIR", help="model store (default: $NPSERVE_MODELS, else models)"
    )


def _add_data(command: argparse.ArgumentParser, *, scored: bool) -> None:
    """Add the options for a file of rows and, if `scored`, for its column with the true values."""
    group = command.add_argument_group("data")
    group.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FILE",
        help=".csv, .parquet, .jsonl or .npz file to read (required)",
    )
    if scored:
        group.add_argument(
            "--target", metavar="COLUMN", help="column with the true values (default: the target used in training)"
        )
    for setting in fields(Config):
        if setting.name in ("delimiter", "header"):
            _add_setting(group, setting)


def _add_on_error(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--on-error",
        choices=("stop", "skip"),
        default="stop",
        help="what to do with a row that can't be read: stop, or skip and count it (default: %(default)s)",
    )


def _add_json(group: Any, description: str) -> None:
    group.add_argument("--json", action="store_true", help=f"{description} (default: text)")


def _add_setting(group: Any, setting: Field[Any]) -> None:
    """Add the option of a setting. If it is not given, its value is None: the TOML file or the default then applies."""
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
    switch = {"nargs": "?", "const": True} if default is False else {}
    group.add_argument(
        f"--{setting.name.replace('_', '-')}",
        **switch,
        type=parse,
        metavar=metadata["metavar"],
        help=metadata["help"].replace("%", "%%") + ("" if default is None else f" (default: {shown})"),
    )


if __name__ == "__main__":
    sys.exit(main())
