"""The command line of training: `python -m training train`."""

import argparse
import os
import sys
from pathlib import Path

from nn import ArtifactError
from store import StoreError
from training.errors import TrainingError
from training.train import BATCH_SIZE, train


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
        description="Train a network on a data set, try it on rows that it has not seen, and publish it.",
        epilog="example: python -m training train --data flowers.csv --target species --name flowers",
    )
    command.add_argument(
        "--data", required=True, metavar="PATH", help="digits (built in), or a .npz, .csv or .parquet file"
    )
    command.add_argument("--target", metavar="COLUMN", help="the column of a table to predict")
    command.add_argument("--name", help="what to publish it as (default: the name of the file)")
    command.add_argument(
        "--models",
        type=Path,
        default=Path(os.environ.get("NPSERVE_MODELS", "models")),
        metavar="DIR",
        help="the store to publish to (default: $NPSERVE_MODELS, else models)",
    )
    command.add_argument("--epochs", type=_positive, help="passes over the data (default: 10, more for small data)")
    command.add_argument("--batch-size", type=_positive, default=BATCH_SIZE, help="rows a step (default: 32)")
    command.add_argument("--seed", type=_natural, default=0, help="repeats a run to the bit (default: 0)")
    command.add_argument("--force", action="store_true", help="make it stable whatever its test metric")
    command.add_argument("--no-promote", action="store_true", help="publish it as candidate, leave stable alone")
    command.set_defaults(run=_train)
    return parser


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1 on, got {text!r}")
    return int(text)


def _natural(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 on, got {text!r}")
    return int(text)


def _train(options: argparse.Namespace) -> int:
    publication = train(
        options.data,
        options.name or Path(options.data).stem.lower(),
        models=options.models,
        target=options.target,
        epochs=options.epochs,
        batch_size=options.batch_size,
        seed=options.seed,
        promote=not options.no_promote,
        force=options.force,
    )
    told = f"{publication.name} {publication.version}"
    test = publication.metrics["test"]
    print(f"Test accuracy {test['accuracy']:.4f}, loss {test['loss']:.4f} on {test['rows']:,} rows.")
    print(f"Published {told} as {publication.alias}: {publication.reason}.")
    if publication.alias == "stable":
        print(f"Serve it with: python -m service --models {options.models}")
        return 0
    print(f"To serve it as stable: python -m store promote {told} --force --models {options.models}")
    return 0 if options.no_promote else 1


if __name__ == "__main__":
    sys.exit(main())
