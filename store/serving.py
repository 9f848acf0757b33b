"""`serving.json`: the aliases of a model, each with its version, and the number of the next version.

`stable` is the default version, `previous` was stable before it, `candidate` was published but not promoted. Other
aliases are custom. Versions without an alias are not served.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from nn.regular_file import read_regular_file
from store.durable import replace_file
from store.layout import NAME, VERSION_NUMBER, StoreError, find_model

SERVING = "serving.json"
MAX_SERVING_BYTES, MAX_ALIASES = 10**6, 1000


@dataclass(frozen=True)
class Serving:
    """The content of one `serving.json`."""

    aliases: dict[str, int] = field(default_factory=dict)
    next_version: int = 1

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read a model's file; without one, the model has no aliases yet."""
        path = folder / SERVING
        try:
            content = json.loads(read_regular_file(path, MAX_SERVING_BYTES))
            return cls(_checked_aliases(content["aliases"]), _checked_number(content["next_version"]))
        except FileNotFoundError:
            return cls()
        except OSError as error:
            raise StoreError(f"{path} can't be read: {error.strerror}") from error
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise StoreError(
                f"{path} is damaged ({error!r}): restore it, or delete it and promote a version again"
            ) from error

    def write(self, folder: Path) -> None:
        """Replace a model's file atomically."""
        content = {"aliases": self.aliases, "next_version": self.next_version}
        replace_file(folder / SERVING, json.dumps(content, indent=2).encode() + b"\n")

    def with_alias(self, alias: str, version: int | None) -> Self:
        """Set or remove an alias. A new stable version is no longer candidate; the old one becomes previous."""
        aliases = {name: number for name, number in (self.aliases | {alias: version}).items() if number is not None}
        if alias == "stable" and version is not None:
            if self.aliases.get("stable", version) != version:
                aliases["previous"] = self.aliases["stable"]
            if aliases.get("candidate") == version:
                del aliases["candidate"]
        return replace(self, aliases=aliases)


def find_number(models: Path, name: str, version: str) -> int:
    """Convert a number or an alias to a version number; a number is returned even if no such version exists."""
    if VERSION_NUMBER.fullmatch(version):
        return int(version)
    aliases = Serving.read(find_model(models, name)).aliases
    if version not in aliases:
        known = ", ".join(aliases) or "none"
        raise StoreError(f"unknown version {version!r} of {name}: expected a number or an alias ({known})")
    return aliases[version]


def _checked_aliases(aliases: dict[Any, Any]) -> dict[str, int]:
    if len(aliases) > MAX_ALIASES:
        raise ValueError(f"{len(aliases)} aliases; expected at most {MAX_ALIASES}")
    for alias in aliases:
        if not NAME.fullmatch(alias):
            raise ValueError(f"alias {alias!r}")
    return {alias: _checked_number(number) for alias, number in aliases.items()}


def _checked_number(number: Any) -> int:
    if type(number) is not int or not VERSION_NUMBER.fullmatch(str(number)):
        raise ValueError(f"version {number!r}")
    return number
