"""The command line of training: `python -m training train | evaluate | compare | predict`."""

import argparse
import json
import os
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from nn import ArtifactError
from store import StoreError, Version, find_number, read_version
from training.config import Config
from training.console import Console, Lines, comparison_lines, figures_line
from training.errors import TrainingError
from training.evaluation.confidence import compare, intervals
from training.evaluation.scores import Outcome
from training.files.read import read_file
from training.interrupts import Interrupted
from training.publishing.rollout import check_url, wait_for
from training.run import run
from training.scoring.predict_file import predict_file
from training.scoring.score_file import evaluate, target_of


def main(arguments: list[str] | None = None, program: str = "python -m training") -> int:
    """Run one command: 0 where it worked, 1 where the gate said no, 2 where it can't be done, 128 + n where stopped."""
    options = _parser(program).parse_args(arguments)
    try:
        code = int(options.run(options))
        sys.stdout.flush()
    except Interrupted as error:
        print(f"\nInterrupted: {error}.", file=sys.stderr)
        return 130
    except (TrainingError, StoreError, ArtifactError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except MemoryError:
        print("Error: the data do not fit into memory; nothing was published", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Nobody reads on, such as after `| head -1`; nor may the interpreter try once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("\nInterrupted; nothing was published.", file=sys.stderr)
        return 130
    return code


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="Train networks and publish them.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser(
        "train",
        help="train a network on a data set and publish it",
        description="Train a network on a data set, try it on rows that it has not seen, and publish it."
        " Settings come from a TOML file (--config), from options, or are found from the data.",
        epilog=f"example: {program} train --data flowers.csv --target species --name flowers",
    )
    command.add_argument("--name", help="what to publish it as (default: the name of the file)")
    command.add_argument("--config", type=Path, metavar="FILE", help="settings in TOML, by the names of the options")
    for setting in fields(Config):
        _add_setting(command, setting.name, setting.default, setting.metadata)
    command.add_argument("--json", action="store_true", help="print a JSON object a line, for programs")
    command.add_argument("--force", action="store_true", help="make it stable whatever its test metric")
    command.add_argument("--no-promote", action="store_true", help="publish it as candidate, leave stable alone")
    command.add_argument("--wait-for", metavar="URL", help="then wait until the service there has it, and try it")
    command.add_argument(
        "--timeout", type=float, default=60.0, metavar="SECONDS", help="how long to wait (default: %(default)g)"
    )
    command.set_defaults(run=_train)

    command = commands.add_parser(
        "evaluate",
        help="say how good a version is on new data",
        description="Run a published version over the rows of a file and print the figures of its training report.",
        epilog=f"example: {program} evaluate flowers --data june.csv",
    )
    command.add_argument("name", metavar="NAME")
    _add_version(command)
    _add_rows(command, target=True)
    command.add_argument("--json", action="store_true", help="print JSON, for programs")
    command.set_defaults(run=_evaluate)

    command = commands.add_parser(
        "compare",
        help="say which of two versions is better, and whether that is chance",
        description="Run two versions over the same rows. McNemar's test (for a regression the sign test) says how"
        " likely chance alone makes such a difference.",
        epilog=f"example: {program} compare flowers 1 2 --data june.csv",
    )
    command.add_argument("name", metavar="NAME")
    command.add_argument("versions", metavar="VERSION", nargs=2, help="two numbers or aliases")
    _add_rows(command, target=True)
    command.add_argument("--json", action="store_true", help="print JSON, for programs")
    command.set_defaults(run=_compare)

    command = commands.add_parser(
        "predict",
        help="predict the rows of a file",
        description="Write the rows of a file with their predictions to another one; neither need fit into memory.",
        epilog=f"example: {program} predict flowers --data new.csv --out predicted.parquet",
    )
    command.add_argument("name", metavar="NAME")
    _add_version(command)
    _add_rows(command, target=False)
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="a .csv or .parquet file to write")
    command.set_defaults(run=_predict)
    for command in commands.choices.values():
        _add_models(command)
    return parser


def _add_version(command: argparse.ArgumentParser) -> None:
    command.add_argument("--version", default="stable", help="a number or an alias (default: %(default)s)")


def _add_rows(command: argparse.ArgumentParser, *, target: bool) -> None:
    """Ask for a file of rows; how it is read is the same as in training."""
    command.add_argument("--data", type=Path, required=True, metavar="FILE", help="a .csv, .parquet or .npz file")
    settings = {setting.name: setting for setting in fields(Config)}
    if target:
        command.add_argument("--target", metavar="COLUMN", help="what to compare with (default: as in training)")
    for name in ("delimiter", "header"):
        _add_setting(command, name, None, settings[name].metadata)


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
    if options.wait_for:
        check_url(options.wait_for)
    console = Lines() if options.json else Console()
    publication = run(
        config,
        name,
        models=options.models,
        console=console,
        promote=not options.no_promote,
        force=options.force,
    )
    if options.wait_for:
        seconds = wait_for(options.wait_for, publication, options.models, options.timeout)
        console.serving(options.wait_for, seconds)
    return 0 if publication.alias == "stable" or options.no_promote else 1


def _evaluate(options: argparse.Namespace) -> int:
    version = _version(options, options.version)
    (outcome,) = _outcomes(options, [version])
    task = version.artifact.model.task
    figures, bounds = outcome.metrics(task), intervals(outcome, task)
    if options.json:
        print(json.dumps({"version": version.number, "metrics": figures, "intervals": bounds}))
    else:
        print(f"{version.name} {version.number}: {figures_line(figures, bounds)}.")
    return 0


def _compare(options: argparse.Namespace) -> int:
    versions = [_version(options, asked) for asked in options.versions]
    models = [version.artifact.model for version in versions]
    if (models[0].task, models[0].labels) != (models[1].task, models[1].labels):
        raise TrainingError("the two versions do not predict the same: their tasks or labels differ")
    task, outcomes = models[0].task, _outcomes(options, versions)
    result = compare(outcomes[0], outcomes[1], task)
    figures = [outcome.metrics(task) for outcome in outcomes]
    numbers = [version.number for version in versions]
    if options.json:
        print(json.dumps({"versions": numbers, "metrics": figures, "comparison": asdict(result)}))
        return 0
    for number, own, outcome in zip(numbers, figures, outcomes, strict=True):
        print(f"{options.name} {number}: {figures_line(own, intervals(outcome, task))}.")
    print(comparison_lines(numbers, result))
    return 0


def _predict(options: argparse.Namespace) -> int:
    version = _version(options, options.version)
    rows = predict_file(version.artifact.model, options.data, options.out, **_reading(options))
    print(f"Predicted {rows:,} rows with {version.name} {version.number}: {options.out}")
    return 0


def _version(options: argparse.Namespace, asked: str) -> Version:
    return read_version(options.models, options.name, find_number(options.models, options.name, asked))


def _outcomes(options: argparse.Namespace, versions: list[Version]) -> list[Outcome]:
    target = options.target or target_of(options.models, versions[-1])
    models = [version.artifact.model for version in versions]
    names = [column.name for model in models for column in model.features.columns]
    raw = read_file(options.data, **_reading(options), names=[*names, *([target] if target else [])])
    return evaluate(raw, models, target)


def _reading(options: argparse.Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in ("delimiter", "header") if name in options}


if __name__ == "__main__":
    sys.exit(main())
