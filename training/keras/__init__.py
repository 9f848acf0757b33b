"""The Keras-compatible API for dense networks in NumPy: Keras's names, defaults and semantics.

Start with sequential, the entry point. The other modules are listed from the bottom up, and each imports only those
before it: lookup, checks; initializers, regularizers, utils; engine.data_adapter, engine.parameters, engine.ops;
layers, losses, metrics, optimizers; engine.layer_stack, engine.compiled_model; engine.arguments,
engine.running_metrics, saving, summary; callbacks, export; engine.fit_plan, engine.loops; sequential; models.
"""

from training.keras import callbacks, initializers, layers, losses, metrics, models, optimizers, regularizers, utils
from training.keras.layers import Input
from training.keras.lookup import module_getattr
from training.keras.sequential import Sequential

__all__ = [
    "Input",
    "Sequential",
    "callbacks",
    "initializers",
    "layers",
    "losses",
    "metrics",
    "models",
    "optimizers",
    "regularizers",
    "utils",
]

__getattr__ = module_getattr(__name__, __all__)
