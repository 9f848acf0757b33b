"""Looks up objects by Keras's names; the error for an unknown name lists the known ones."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from training.errors import TrainingError

T = TypeVar("T")


def look_up(kind: str, identifier: Any, known: Mapping[str, T]) -> T:
    """Return the value of a name: in snake_case as in Keras's string identifiers, or in CamelCase as in class names."""
    if isinstance(identifier, str):
        name = identifier if identifier in known else snake_case(identifier)
        if name in known:
            return known[name]
    raise unknown_name(kind, identifier, known)


def get_object(kind: str, identifier: Any, known: Mapping[str, Callable[[], T]], cls: type[T]) -> T:
    """Return `identifier` if it is an instance of `cls`, otherwise a new object of the class with this name."""
    return identifier if isinstance(identifier, cls) else look_up(kind, identifier, known)()


def unknown_name(kind: str, identifier: Any, known: Iterable[str]) -> TrainingError:
    return TrainingError(f"Could not interpret {kind} identifier: {identifier!r}. Expected one of: {', '.join(known)}")


def module_getattr(module: str, known: Iterable[str]) -> Callable[[str], Any]:
    """Return a module-level `__getattr__`, whose error lists the names of Keras that the module implements."""
    names = ", ".join(known)

    def __getattr__(name: str) -> Any:
        raise AttributeError(f"module {module!r} has no attribute {name!r}. Available: {names}")

    return __getattr__


def snake_case(name: str) -> str:
    """BatchNormalization -> batch_normalization."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
