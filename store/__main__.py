"""The command line of the store: `python -m store list | promote | verify | alias`."""

import argparse
import os
import sys
from pathlib import Path

from nn import ArtifactError
from store.layout import StoreError, model_folder, model_names, version_numbers
from store.promote import promote, set_alias
from store.serving import Serving, find_number
from store.version import MODEL, read_manifest, read_version


def main(arguments: list[str] | None = None, program: str = "python -m store") -> int:
    """Run one command: 0 where it worked, 1 where the answer is no, 2 where it fails; `program` is for the help."""
    options = _parser(program).parse_args(arguments)
    try:
        return int(options.run(options))
    except ArtifactError as error:
        print(f"Does not verify: {error}", file=sys.stderr)
        return 1
    except (StoreError, OSError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def _parser(program: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=program, description="Look after published models.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("list", help="show the models, their versions and aliases")
    command.set_defaults(run=_list)

    command = commands.add_parser(
        "promote",
        help="make a version stable",
        description="Make a version stable: it must verify, and its test metric must not be worse than that"
        " of stable by more than two standard errors. A number below stable is a rollback: it need only"
        " verify. Running servers follow within two seconds.",
    )
    command.add_argument("name", metavar="NAME")
    command.add_argument("version", metavar="VERSION", help="a number, or an alias such as previous")
    command.add_argument("--force", action="store_true", help="promote whatever the metrics say")
    command.set_defaults(run=_promote)

    command = commands.add_parser("verify", help="check that versions are what was published, and work")
    command.add_argument("name", metavar="NAME")
    command.add_argument("version", metavar="VERSION", nargs="?", help="a number or an alias (default: all)")
    command.set_defaults(run=_verify)

    command = commands.add_parser("alias", help="serve a version under an alias of your own")
    command.add_argument("name", metavar="NAME")
    command.add_argument("alias", metavar="ALIAS")
    command.add_argument("version", metavar="VERSION", nargs="?", help="left out: drop the alias")
    command.set_defaults(run=_alias)

    for command in commands.choices.values():
        command.add_argument(
            "--models",
            type=Path,
            default=Path(os.environ.get("NPSERVE_MODELS", "models")),
            metavar="DIR",
            help="the store (default: $NPSERVE_MODELS, else models)",
        )
    return parser


def _list(options: argparse.Namespace) -> int:
    names = [name for name in model_names(options.models) if version_numbers(options.models / name)]
    if not names:
        print(f"{options.models} holds no models yet: python -m training train publishes one.")
        return 0
    rows = [("MODEL", "VERSION", "ALIASES", "TEST", "PUBLISHED", "SIZE")]
    for name in names:
        folder = options.models / name
        aliases = Serving.read(folder).aliases
        for number in version_numbers(folder):
            names_of_it = ",".join(alias for alias, n in aliases.items() if n == number)
            rows.append((name, str(number), names_of_it or "-", *_summary(folder / str(number))))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _summary(folder: Path) -> tuple[str, str, str]:
    try:
        manifest = read_manifest(folder)
    except ArtifactError:
        return "damaged", "-", "-"
    test = manifest["metrics"].get("test", {})
    metric = next((f"{key} {test[key]:.4f}" for key in ("accuracy", "mae") if key in test), "-")
    size = manifest["files"][MODEL]["size"]
    return metric, str(manifest.get("created", "-")), f"{size / 1000:,.0f} kB"


def _promote(options: argparse.Namespace) -> int:
    number = find_number(options.models, options.name, options.version)
    verdict = promote(options.models, options.name, number, force=options.force)
    if verdict.promoted:
        print(f"{options.name} {number} is stable: {verdict.reason}.")
        return 0
    print(f"{options.name} {number} is not promoted: {verdict.reason}; --force overrules.", file=sys.stderr)
    return 1


def _verify(options: argparse.Namespace) -> int:
    folder = model_folder(options.models, options.name)
    requested = options.version
    numbers = [find_number(options.models, options.name, requested)] if requested else version_numbers(folder)
    if not numbers:
        raise StoreError(f"{options.models} has no versions of {options.name}")
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
    action = f"names version {number}" if number else "is dropped"
    print(f"The alias {options.alias} of {options.name} {action}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
