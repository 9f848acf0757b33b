"""Temperature scaling: one temperature, fitted to the validation set and folded into the network.

Guo et al. 2017, "On Calibration of Modern Neural Networks": the logits are divided by the temperature
that minimises the loss on the validation set. The most probable class does not change.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from nn import Dense, Model, Network

LOG_TEMPERATURE_BOUNDS = (-3.0, 3.0)
# A few rows, all predicted correctly, would give a temperature near 0. A prior with its peak at 1, which has the weight
# of this many rows, prevents it.
PRIOR_ROWS = 5


def fit_temperature(logits: npt.NDArray[np.float64], classes: npt.NDArray[np.intp]) -> float:
    """Return the temperature for logits (B, C) and classes (B,)."""

    def loss(log_temperature: float) -> float:
        likelihoods = log_softmax(logits / np.exp(log_temperature), axis=1)
        likelihood = likelihoods[np.arange(len(classes)), classes].sum()
        return float(PRIOR_ROWS * log_temperature**2 - likelihood)

    return float(np.exp(minimize_scalar(loss, bounds=LOG_TEMPERATURE_BOUNDS, method="bounded").x))


def scale_outputs(model: Model, factor: float, offset: float = 0.0) -> Model:
    """Return the model with its logits (before the last activation) multiplied by a factor, plus an offset."""
    *layers, last = model.network.layers
    kernel, bias = last.kernel.astype(np.float64) * factor, last.bias.astype(np.float64) * factor + offset
    return dataclasses.replace(model, network=Network([*layers, Dense(kernel, bias, last.activation)]))
