"""The layout of a store: folders, names of models and numbers of versions."""

import os
import re
from pathlib import Path

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
VERSION_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
NAME_RULE = "1 to 63 lowercase letters, digits, dots, dashes and underscores, starting with a letter or a digit"


class StoreError(Exception):
    """An operation on the store failed; the message gives the reason and the next step."""


def model_folder(models: Path, name: str) -> Path:
    """Return the folder of a model after checking its name; the folder need not exist."""
    if not NAME.fullmatch(name):
        raise StoreError(f"invalid model name {name!r}: expected {NAME_RULE}")
    return models / name


def find_model(models: Path, name: str) -> Path:
    """Return the folder of a model that exists. Otherwise the error lists the models of the store."""
    folder = model_folder(models, name)
    if not folder.is_dir():
        known = ", ".join(published_models(models))
        hint = f"has {known}" if known else f"has no models yet; train one with npserve train --data FILE --name {name}"
        raise StoreError(f"unknown model {name!r}: the store {models} {hint}")
    return folder


def version_numbers(folder: Path) -> list[int]:
    """Return the published versions in a model's folder, sorted; an incomplete version has no number yet."""
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if VERSION_NUMBER.fullmatch(entry.name))


def published_models(models: Path) -> list[str]:
    """Return the names of the models that have a published version, sorted."""
    return [name for name in model_names(models) if version_numbers(models / name)]


def model_names(models: Path) -> list[str]:
    """Return the names of the models in a store, sorted. A link counts, because following it may take long."""
    try:
        with os.scandir(models) as entries:  # thousands of models are listed once a second
            return sorted(
                entry.name for entry in entries if NAME.fullmatch(entry.name) and (entry.is_symlink() or entry.is_dir())
            )
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        hint = "; publish a model with npserve train, or choose another store with --models" if missing else ""
        raise StoreError(f"the store {models} can't be read: {error.strerror}{hint}") from error
