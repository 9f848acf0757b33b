"""Probabilities that mean what they say: one temperature, fitted on the validation part, folded into the network.

Guo et al. 2017, "On Calibration of Modern Neural Networks": the logits are divided by the temperature
that makes the loss of rows that were not learned from smallest. The most probable class stays the same.
"""

import dataclasses

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from nn import Dense, Model, Network

RANGE = (-3.0, 3.0)  # of the logarithm of the temperature
# Few rows, all predicted right, would ask for a temperature of 0; a belief in 1, worth this many rows, holds against.
PRIOR_ROWS = 5


def temperature(logits: npt.NDArray[np.float64], classes: npt.NDArray[np.intp]) -> float:
    """Return the temperature for logits (B, C) of rows whose classes (B,) are known."""

    def loss(log_temperature: float) -> float:
        likelihoods = log_softmax(logits / np.exp(log_temperature), axis=1)
        likelihood = likelihoods[np.arange(len(classes)), classes].sum()
        return float(PRIOR_ROWS * log_temperature**2 - likelihood)

    return float(np.exp(minimize_scalar(loss, bounds=RANGE, method="bounded").x))


def scale_outputs(model: Model, factor: float, offset: float = 0.0) -> Model:
    """Return the model with the logits (or values) of its last layer multiplied by a factor, then moved."""
    *layers, last = model.network.layers
    kernel, bias = last.kernel.astype(np.float64) * factor, last.bias.astype(np.float64) * factor + offset
    return dataclasses.replace(model, network=Network([*layers, Dense(kernel, bias, last.activation)]))
