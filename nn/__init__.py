"""A network as plain arrays, and the file that stores it. Imports only numpy.

In reading order: `activations`, `network`, `numbers`, `columns` and `features` (from raw rows to inputs), `model`,
`golden`, `artifact`.

Axis letters used everywhere: B rows, K columns, T transforms, I inputs, U units, C outputs.
"""

from nn.artifact import Artifact, ArtifactError, load, save
from nn.columns import Boolean, Category, Date, Number
from nn.features import Features
from nn.golden import Golden
from nn.model import Model
from nn.network import Dense, Network, NetworkError

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
