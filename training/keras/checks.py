"""Checks of the arguments of layers, losses, metrics and optimizers, and their error messages."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from training.errors import TrainingError

BELOW_1 = math.nextafter(1, 0)


def refuse_arguments(of: object, unknown: Iterable[str]) -> None:
    """Raise TrainingError with the names of unknown arguments, where there are any."""
    if names := sorted(unknown):
        raise TrainingError(f"Unrecognized keyword arguments passed to {type(of).__name__}: {', '.join(names)}")


def check_number(name: str, value: Any, minimum: float, maximum: float = math.inf) -> None:
    """Raise TrainingError unless value is a number in the range, ends included."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not minimum <= value <= maximum:
        end = "on" if maximum == math.inf else "to below 1" if maximum == BELOW_1 else f"to {maximum}"
        raise TrainingError(f"{name} must be a number from {minimum} {end}, got {value!r}")


def check_positive_integer(name: str, value: Any) -> None:
    """Raise TrainingError unless value is an integer from 1 on, such as a number of rows, steps or epochs."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise TrainingError(f"{name} must be a whole number, at least 1, got {value!r}")
