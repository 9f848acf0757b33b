"""Temperature scaling: one temperature, fitted on the validation split, is folded into the network.

Guo et al. 2017, "On Calibration of Modern Neural Networks": the logits are divided by the temperature
that minimises the loss of validation rows. The most probable class stays the same.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from nn import Dense, Model, Network

LOG_TEMPERATURE_BOUNDS = (-3.0, 3.0)
# Few rows, all predicted correctly, would give a temperature of 0; a prior for 1, worth this many rows, prevents it.
PRIOR_ROWS = 5


def fit_temperature(logits: npt.NDArray[np.float64], classes: npt.NDArray[np.intp]) -> float:
    """Return the temperature for logits (B, C) of rows of the given classes (B,)."""

    def loss(log_temperature: float) -> float:
        likelihoods = log_softmax(logits / np.exp(log_temperature), axis=1)
        likelihood = likelihoods[np.arange(len(classes)), classes].sum()
        return float(PRIOR_ROWS * log_temperature**2 - likelihood)

    return float(np.exp(minimize_scalar(loss, bounds=LOG_TEMPERATURE_BOUNDS, method="bounded").x))


def scale_outputs(model: Model, factor: float, offset: float = 0.0) -> Model:
    """Return the model with the logits (or values) of its last layer multiplied by a factor, then shifted."""
    *layers, last = model.network.layers
    kernel, bias = last.kernel.astype(np.float64) * factor, last.bias.astype(np.float64) * factor + offset
    return dataclasses.replace(model, network=Network([*layers, Dense(kernel, bias, last.activation)]))
