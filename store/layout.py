"""Where things stand in a store, and which names and numbers there can be."""

import re
from pathlib import Path

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
VERSION_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
NAME_RULE = "1 to 63 small letters, digits, dots, dashes and underscores, beginning with a letter or a digit"


class StoreError(Exception):
    """What was asked of the store can't be done; the message says why and what to do."""


def model_folder(models: Path, name: str) -> Path:
    """Return the folder of a model, whose name is checked."""
    if not NAME.fullmatch(name):
        raise StoreError(f"{name!r} is no name for a model: {NAME_RULE}")
    return models / name


def version_numbers(folder: Path) -> list[int]:
    """Return the published versions in a model's folder, in order; a half-written one has no number."""
    if not folder.is_dir():
        return []
    return sorted(int(entry.name) for entry in folder.iterdir() if VERSION_NUMBER.fullmatch(entry.name))


def model_names(models: Path) -> list[str]:
    """Return the names of the models in a store, in order."""
    try:
        return sorted(entry.name for entry in models.iterdir() if NAME.fullmatch(entry.name) and entry.is_dir())
    except OSError as error:
        raise StoreError(f"the store {models} can't be read: {error.strerror}") from error
