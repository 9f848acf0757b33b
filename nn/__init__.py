"""A network as plain arrays, and the file that stores it. Imports only numpy.

In reading order: `activations`, `network`, `numbers`, `columns` (the kinds of columns, with `number_column` and
`date_column`; how their text is read is in `number_format` and `date_format`), `features` (from raw rows to inputs),
`model`, `golden`, `artifact`.

Axis letters used everywhere: B rows, K columns, T transforms, I inputs, U units, C outputs.
"""

from nn.artifact import Artifact, ArtifactError, load, save
from nn.columns import Boolean, Category
from nn.date_column import Date
from nn.features import Features
from nn.golden import Golden
from nn.model import Model
from nn.network import Dense, Network, NetworkError
from nn.number_column import Number

__all__ = [
    "Artifact",
    "ArtifactError",
    "Boolean",
    "Category",
    "Date",
    "Dense",
    "Features",
    "Golden",
    "Model",
    "Network",
    "NetworkError",
    "Number",
    "load",
    "save",
]
