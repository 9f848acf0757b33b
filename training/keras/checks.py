"""Argument checks shared by layers, losses, metrics, optimizers and `fit`, and their error messages."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from training.errors import TrainingError

BELOW_1 = math.nextafter(1, 0)


def invalid_argument(name: str, expected: str, received: Any) -> TrainingError:
    """Return the error for an argument with an invalid value, worded as in Keras."""
    return TrainingError(
        f"Invalid value received for argument `{name}`. Expected {expected}. Received: {name}={received!r}"
    )


def reject_unknown_arguments(owner: object, unknown: Iterable[str]) -> None:
    """Raise TrainingError with the names in `unknown`, if there are any."""
    if names := sorted(unknown):
        raise TrainingError(f"Unrecognized keyword arguments passed to {type(owner).__name__}: {', '.join(names)}")


def check_number(name: str, value: Any, minimum: float, maximum: float = math.inf) -> None:
    """Raise TrainingError unless value is a number in the closed range [minimum, maximum]."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not minimum <= value <= maximum:
        end = "1)" if maximum == BELOW_1 else f"{maximum}]"
        expected = f"a number >= {minimum}" if maximum == math.inf else f"a number in the range [{minimum}, {end}"
        raise invalid_argument(name, expected, value)


def check_axis(axis: Any) -> None:
    """Raise TrainingError unless axis is the last one, which all layers and losses use. In Keras, others exist."""
    if axis not in (-1, 1):
        raise invalid_argument("axis", "-1, the last axis", axis)


def check_positive_integer(name: str, value: Any) -> None:
    """Raise TrainingError unless value is a positive integer, such as a number of samples or steps."""
    if not _is_integer(value) or value < 1:
        raise invalid_argument(name, "a positive integer", value)


def check_count(name: str, value: Any) -> None:
    """Raise TrainingError unless value is an integer of at least 0, such as a number of epochs."""
    if not _is_integer(value) or value < 0:
        raise invalid_argument(name, "an integer of at least 0", value)


def _is_integer(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)
