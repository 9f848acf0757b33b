"""The features of a model that was trained on a data frame: its columns, by name and kind."""

from typing import Any

import numpy as np

from nn import Boolean, Features, Number
from nn.columns import Column
from training.errors import TrainingError


def features_of(x: Any, inputs: int) -> Features | None:
    """Return the columns of a data frame, or None if x has none.

    Requests then name the columns, and have true and false for a column of booleans. Raises TrainingError if the
    columns are not the numbers that a network with so many inputs takes.
    """
    if not (hasattr(x, "columns") and hasattr(x, "dtypes")):
        return None
    if len(x.columns) != inputs:
        raise TrainingError(f"x has {len(x.columns)} columns, but the model has {inputs} inputs")
    names = [str(name) for name in x.columns]
    if len(set(names)) != len(names):
        raise TrainingError(f"x has duplicate column names: {', '.join(names)}")
    return Features([_column(name, x[given]) for name, given in zip(names, x.columns, strict=True)])


def _column(name: str, values: Any) -> Column:
    kind = getattr(values.dtype, "kind", None) or np.asarray(values).dtype.kind
    if kind == "b":
        return Boolean(name)
    if kind in "iuf":
        return Number(name)
    raise TrainingError(
        f"column {name} of x contains {values.dtype} values; expected numbers, as the model was trained on"
    )
