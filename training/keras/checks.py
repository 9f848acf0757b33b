"""Arguments of layers, losses, metrics and optimizers: the sentences that refuse what they can't be."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from training.errors import TrainingError

BELOW_1 = math.nextafter(1, 0)


def refuse_arguments(of: object, unknown: Iterable[str]) -> None:
    """Say which arguments a class does not take."""
    if names := sorted(unknown):
        raise TrainingError(f"Unrecognized keyword arguments passed to {type(of).__name__}: {', '.join(names)}")


def check_number(name: str, value: Any, least: float, most: float = math.inf) -> None:
    """Refuse what is no number, or outside its range, ends included."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        end = "on" if most == math.inf else "to below 1" if most == BELOW_1 else f"to {most}"
        raise TrainingError(f"{name} must be a number from {least} {end}, got {value!r}")


def check_count(name: str, value: Any) -> None:
    """Refuse a number of rows, steps or epochs that is none."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise TrainingError(f"{name} must be a whole number, at least 1, got {value!r}")
