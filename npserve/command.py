"""The command `npserve`: a table of commands, each run by the command line of a package.

A package is imported only when one of its commands is chosen, so help is fast, and the service runs without the
dependencies of training.
"""

import argparse
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import NamedTuple, NoReturn

from npserve import __version__


class Command(NamedTuple):
    """The package that runs a command, a line of help, and the extra that installs its libraries, if any."""

    package: str
    help: str
    extra: str | None = None


COMMANDS = {
    "train": Command("training", "train a network on a data set and publish it", "training"),
    "serve": Command("service", "serve the models of a store over HTTP"),
    "list": Command("store", "list models, versions and aliases"),
    "promote": Command("store", "make a version stable, or roll back"),
    "verify": Command("store", "check that versions are intact"),
    "alias": Command("store", "set or remove a custom alias"),
    "predict": Command("training", "predict the rows of a file", "training"),
    "evaluate": Command("training", "measure a version on new data", "training"),
    "compare": Command("training", "compare two versions on the same data", "training"),
}
EXAMPLES = """\
examples:
  npserve train --data flowers.csv --target species --name flowers
  npserve serve
  npserve promote flowers previous

`npserve COMMAND --help` explains a command. Models are stored in --models DIR (default: $NPSERVE_MODELS, or
the folder models if that is not set).
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] not in COMMANDS:
        _exit_without_command(given)
    name = given[0]
    command = COMMANDS[name]
    try:
        module = import_module(f"{command.package}.__main__")
        # A command may import further libraries when it runs.
        if name == "serve":
            return int(module.main(given[1:], program="npserve serve"))
        return int(module.main(given, program="npserve"))
    except ModuleNotFoundError as error:
        # A missing module of npserve is a broken installation, but training as a whole is optional.
        own = (error.name or "").partition(".")[0] in ("", "npserve", "nn", "store", "service", "training")
        if command.extra is None or (own and error.name != "training"):
            raise
        print(f"Error: npserve {name} needs {error.name}: pip install 'npserve[{command.extra}]'", file=sys.stderr)
        return 2


def _exit_without_command(arguments: list[str]) -> NoReturn:
    """Print the help or the version, or an error that names the commands, and exit."""
    parser = _parser()
    if not arguments:
        parser.error(f"a COMMAND is required: {', '.join(COMMANDS)}; npserve --help explains them")
    if not arguments[0].startswith("-"):
        similar = get_close_matches(arguments[0], COMMANDS, n=1)
        hint = f"did you mean {similar[0]}?" if similar else f"expected one of {', '.join(COMMANDS)};"
        parser.error(f"unknown command {arguments[0]!r}: {hint} npserve --help explains all commands")
    parser.parse_args(arguments)
    raise AssertionError("argparse exits: a command is required")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="npserve",
        description="Train small neural networks on tables and arrays, publish them, and serve them over HTTP.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"npserve {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
    for name, command in COMMANDS.items():
        commands.add_parser(name, help=command.help)
    return parser
