"""The weights of the networks and of the linear model, from the rows that each did not train on.

A few hundred rows are often predicted best by a linear model, many thousands by a network, and most tables by a
mixture (Wolpert 1992, "Stacked Generalization"). Temperature scaling is part of it (Guo et al. 2017, "On Calibration
of Modern Neural Networks"): the logits are multiplied by a factor that minimises the loss on the validation rows. It
does not change the most probable class.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax

MIN_SHARE = 0.05  # of the linear model; with less, it is left out
LOG_SCALE_BOUNDS = (-3.0, 3.0)
# A few rows, all predicted correctly, would give an infinite scale. A prior with its peak at 1, which has the weight
# of this many rows, prevents it.
PRIOR_ROWS = 20

Logits = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mixture:
    """The share of the linear model in the mixture, and a factor and an offset of the logits."""

    linear: float = 0.0
    scale: float = 1.0
    offset: float = 0.0


def mix_regression(networks: Logits, linear: Logits | None, y: npt.NDArray[Any]) -> Mixture:
    """Return the mixture with the smallest squared error on predictions (B, 1) of targets y (B,).

    The offset makes the mean error 0: networks that stop early still have a small one.
    """
    errors, share = y - networks[:, 0], 0.0
    if linear is not None:
        difference = (linear - networks)[:, 0]
        variance = float(difference.var())
        share = _share(float(np.mean((difference - difference.mean()) * errors)) / variance) if variance else 0.0
        errors = errors - share * difference
    return Mixture(share, offset=float(errors.mean()))


def mix_classification(
    networks: Logits,
    linear: Logits | None,
    classes: npt.NDArray[np.intp],
    *,
    scale: bool,
    weights: npt.NDArray[np.float64] | None = None,
) -> Mixture:
    """Return the mixture with the smallest cross-entropy on logits (B, C) of classes (B,), given weights (B,).

    Without `linear`, or without `scale`, only the other is fitted.
    """
    rows = np.arange(len(classes))

    def loss(parameters: npt.NDArray[np.float64]) -> float:
        share, log_scale = parameters
        logits = networks if linear is None else networks + share * (linear - networks)
        likelihoods = log_softmax(logits * np.exp(log_scale), axis=1)[rows, classes]
        return float(PRIOR_ROWS * log_scale**2 - np.average(likelihoods, weights=weights) * len(rows))

    def best(share: tuple[float, float]) -> npt.NDArray[np.float64]:
        bounds = [share, LOG_SCALE_BOUNDS if scale else (0.0, 0.0)]
        return np.asarray(minimize(loss, [sum(share) / 2, 0.0], bounds=bounds, method="L-BFGS-B").x)

    share = 0.0 if linear is None else _share(float(best((0.0, 1.0))[0]))
    return Mixture(share, float(np.exp(best((share, share))[1])))


def _share(share: float) -> float:
    return float(np.clip(share, 0.0, 1.0)) if share >= MIN_SHARE else 0.0
