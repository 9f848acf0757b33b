"""The command line of the store: `python -m store list | promote | verify | alias`."""

import argparse
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import fill
from typing import Any

from nn import ArtifactError
from store.layout import StoreError, find_model, published_models, version_numbers
from store.manifest import MODEL
from store.promote import JUDGED_SPLITS, promote, set_alias
from store.serving import Serving, find_number
from store.version import read_manifest, read_version

DAMAGED = "damaged"


def main(arguments: list[str] | None = None, program: str = "python -m store") -> int:
    """Run one command; `program` is the name shown in help and messages.

    Returns 0 on success, 1 if a version is not promoted or does not verify, 2 on an error, 130 if interrupted, 141 if
    stdout is closed.
    """
    options, unknown = _parser(program).parse_known_args(arguments)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}; --help lists the options")
    try:
        code = int(options.run(options))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has closed the pipe, such as `| head -1`; the interpreter must not flush stdout at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except ArtifactError as error:
        print(f"Does not verify: {error}", file=sys.stderr)
        return 1
    except (StoreError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nInterrupted; {_command(options, 'list')} shows the aliases.", file=sys.stderr)
        return 130
    return code


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program,
        description="List published models, promote and verify versions, and set aliases.",
        epilog="%(prog)s COMMAND --help explains a command.",
    )
    parser.set_defaults(program=program)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add_command in (_add_list, _add_promote, _add_verify, _add_alias):
        add_command(commands)
    store = Path(os.environ.get("NPSERVE_MODELS", "models"))
    explained = "folder of the store (default: $NPSERVE_MODELS, or models if that is not set)"
    for command in commands.choices.values():
        command.add_argument("--models", type=Path, default=store, metavar="DIR", help=explained)
    return parser


def _add_list(commands: Any) -> None:
    _add_command(
        commands,
        "list",
        _list,
        "list models, versions and aliases",
        "List every model with its versions: aliases, test metric, time of publication and size. Versions with an alias"
        " are served; stable is the default.",
        "--models models",
    )


def _add_promote(commands: Any) -> None:
    command = _add_command(
        commands,
        "promote",
        _promote,
        "make a version stable, or roll back",
        "Make a version stable, that is, the one served by default. It must verify, and its test metric must not be"
        " worse than that of the stable version by more than two standard errors of the difference. A number below"
        " stable is a rollback, which only has to verify. Running servers follow the change within two seconds.",
        "flowers 3",
        "flowers previous",
    )
    command.add_argument("name", metavar="NAME", help="name of the model")
    command.add_argument("version", metavar="VERSION", help="a number, or an alias such as candidate or previous")
    command.add_argument("--force", action="store_true", help="promote without comparing metrics")


def _add_verify(commands: Any) -> None:
    command = _add_command(
        commands,
        "verify",
        _verify,
        "check that versions are intact",
        "Check that the files of a version have the published SHA-256, and that on this machine the model computes the"
        " published outputs for its golden rows.",
        "flowers",
        "flowers stable",
    )
    command.add_argument("name", metavar="NAME", help="name of the model")
    command.add_argument("version", metavar="VERSION", nargs="?", help="a number or an alias (default: all versions)")


def _add_alias(commands: Any) -> None:
    command = _add_command(
        commands,
        "alias",
        _alias,
        "set or remove a custom alias",
        "Serve a version under a custom alias, at /models/NAME/aliases/ALIAS/predict, or remove the alias."
        " The version must verify. The aliases stable and previous are set by promote.",
        "flowers baseline 3",
        "flowers baseline",
    )
    command.add_argument("name", metavar="NAME", help="name of the model")
    command.add_argument("alias", metavar="ALIAS", help="name of the alias, such as baseline")
    explained = "a number or another alias (default: remove the alias)"
    command.add_argument("version", metavar="VERSION", nargs="?", help=explained)


def _add_command(
    commands: Any, name: str, run: Callable[[argparse.Namespace], int], summary: str, description: str, *examples: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=fill(description, 80),
        epilog="\n  %(prog)s ".join(["example:" if len(examples) == 1 else "examples:", *examples]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=run, parser=command)
    return command


def _list(options: argparse.Namespace) -> int:
    names = published_models(options.models)
    if not names:
        print(f"{options.models} has no models yet; train one with npserve train --data FILE --target COLUMN.")
        return 0
    rows = [("MODEL", "VERSION", "ALIASES", "TEST", "PUBLISHED", "SIZE")]
    for name in names:
        folder = options.models / name
        try:
            aliases = Serving.read(folder).aliases
        except StoreError as error:
            print(f"{name} is {DAMAGED}: {error}", file=sys.stderr)
            rows.append((name, "-", DAMAGED, "-", "-", "-"))
            continue
        for number in version_numbers(folder):
            names_of_it = ",".join(alias for alias, n in aliases.items() if n == number)
            rows.append((name, str(number), names_of_it or "-", *_summary(folder / str(number))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for name in dict.fromkeys(row[0] for row in rows if row[3] == DAMAGED):
        print(f"{name} has damaged versions; for details run {_command(options, 'verify', name)}", file=sys.stderr)
    return 0


def _summary(folder: Path) -> tuple[str, str, str]:
    try:
        manifest = read_manifest(folder)
    except ArtifactError:
        return DAMAGED, "-", "-"
    metrics = manifest["metrics"]
    split = next((each for each in JUDGED_SPLITS if each in metrics), "")
    found = [f"{key} {metrics[split][key]:.4f}" for key in ("accuracy", "mae") if split and key in metrics[split]]
    metric = f"{found[0]}{' (given)' * (split == 'given')}" if found else "-"
    size = manifest["files"][MODEL]["size"]
    return metric, str(manifest.get("created", "-")), f"{size / 1000:,.0f} kB"


def _promote(options: argparse.Namespace) -> int:
    number = find_number(options.models, options.name, options.version)
    verdict = promote(options.models, options.name, number, force=options.force)
    if verdict.promoted:
        print(f"{options.name} {number} is stable: {verdict.reason}.")
        return 0
    force = _command(options, "promote", options.name, str(number), "--force")
    print(f"{options.name} {number} is not promoted: {verdict.reason}. To promote it anyway: {force}", file=sys.stderr)
    return 1


def _command(options: argparse.Namespace, *words: str) -> str:
    """Return a command line of this program for the same store."""
    return f"{options.program} {shlex.join([*words, '--models', str(options.models)])}"


def _verify(options: argparse.Namespace) -> int:
    folder = find_model(options.models, options.name)
    requested = options.version
    numbers = [find_number(options.models, options.name, requested)] if requested else version_numbers(folder)
    if not numbers:
        raise StoreError(f"{options.name} has no versions yet; train one with npserve train --data FILE")
    failed = 0
    for number in numbers:
        try:
            version = read_version(options.models, options.name, number)
        except ArtifactError as error:
            failed += 1
            print(f"{options.name} {number} does not verify: {error}", file=sys.stderr)
        else:
            print(f"{options.name} {number} verifies: sha256 {version.sha256}")
    return 1 if failed else 0


def _alias(options: argparse.Namespace) -> int:
    number = find_number(options.models, options.name, options.version) if options.version else None
    set_alias(options.models, options.name, options.alias, number)
    action = f"is set to version {number}" if number else "is removed"
    print(f"The alias {options.alias} of {options.name} {action}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
