"""The command `npserve`: a table of commands, each answered by the command line of a package.

A package is imported only when one of its commands is chosen: help is instant, and the service runs without what
training needs.
"""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NamedTuple

from npserve import __version__


class Command(NamedTuple):
    """The package that runs a command, a line of help, and the extra that the package needs besides the service's."""

    package: str
    help: str
    extra: str | None = None


COMMANDS = {
    "train": Command("training", "train a network on a data set and publish it", "training"),
    "serve": Command("service", "serve the models of a store over HTTP"),
    "list": Command("store", "show the models of a store, their versions and aliases"),
    "promote": Command("store", "make a version stable, or roll back to one"),
    "verify": Command("store", "check that versions are what was published, and work"),
    "alias": Command("store", "serve a version under an alias of your own"),
    "predict": Command("training", "predict the rows of a file", "training"),
    "evaluate": Command("training", "measure a version on new data", "training"),
    "compare": Command("training", "tell which of two versions is better, and whether by chance", "training"),
}
EXAMPLES = """\
from a table to predictions over HTTP:
  npserve train --data flowers.csv --target species --name flowers
  npserve serve
  npserve promote flowers previous

`npserve COMMAND --help` explains a command. The store is the folder models, or --models DIR, or $NPSERVE_MODELS.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] not in COMMANDS:
        _parser().parse_args(given)  # prints the help or the version, or says which commands there are, and exits
    name = given[0]
    command = COMMANDS[name]
    try:
        module = import_module(f"{command.package}.__main__")
    except ModuleNotFoundError as error:
        # A module of ours that is missing is a broken installation; training as a whole may be left out.
        ours = (error.name or "").partition(".")[0] in ("", "npserve", "nn", "store", "service", "training")
        if command.extra is None or (ours and error.name != "training"):
            raise
        print(f"Error: npserve {name} needs {error.name}: pip install 'npserve[{command.extra}]'", file=sys.stderr)
        return 2
    if name == "serve":
        return int(module.main(given[1:], program="npserve serve"))
    return int(module.main(given, program="npserve"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="npserve",
        description="Train small neural networks on tables and arrays, publish them, serve them over HTTP.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"npserve {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.help)
    return parser
