"""Looking up Keras's words: by name, or as what was made already; what is unknown is named with what is known."""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from training.errors import TrainingError

T = TypeVar("T")


def look_up(kind: str, identifier: Any, known: Mapping[str, T]) -> T:
    """Return what goes by this name, in snake_case as in Keras's strings or in the CamelCase of its classes."""
    if isinstance(identifier, str):
        name = identifier if identifier in known else snake_case(identifier)
        if name in known:
            return known[name]
    raise unknown(kind, identifier, known)


def unknown(kind: str, identifier: Any, known: Iterable[str]) -> TrainingError:
    """Say that there is no such thing, and what there is."""
    return TrainingError(f"Could not interpret {kind} identifier: {identifier!r}; known are {', '.join(known)}")


def no_other(kind: str, known: Iterable[str]) -> Callable[[str], Any]:
    """Return the `__getattr__` of a module that holds these and nothing else of Keras's."""
    names = list(known)

    def __getattr__(name: str) -> Any:
        raise AttributeError(str(unknown(kind, name, names)))

    return __getattr__


def snake_case(name: str) -> str:
    """BatchNormalization -> batch_normalization."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
