"""Command-line options and prerequisites that several benchmarks share."""

import argparse
import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path


def make_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of `python -m benchmarks.NAME`; `--help` prints the description as it is."""
    return argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_peers(parser: argparse.ArgumentParser, peers: str) -> None:
    """Add the option for the folder with the virtual environments of the peers."""
    parser.add_argument(
        "--peers",
        type=Path,
        default=Path(".peers"),
        metavar="DIR",
        help=f"folder with the virtual environments of {peers} (default: %(default)s)",
    )


def names_of(choices: Collection[str]) -> Callable[[str], list[str]]:
    """Return an argument type that accepts comma-separated names from the choices."""

    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in choices]:
            raise argparse.ArgumentTypeError(f"unknown {', '.join(unknown)}: choose from {', '.join(choices)}")
        return names

    return parse


def data_folder(*files: str) -> Path:
    """Return the folder that NPSERVE_DATA names. Exits if it does not contain the files."""
    folder = os.environ.get("NPSERVE_DATA")
    if not folder or not all((Path(folder) / file).is_file() for file in files):
        sys.exit(f"set NPSERVE_DATA to a folder that contains {', '.join(files)}")
    return Path(folder)
