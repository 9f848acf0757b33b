"""A gradient check in float64: the gradient is compared with the slope along a random direction."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


def assert_gradient(value: Callable[[Float64], float], gradient: Float64, x: Float64, rng: np.random.Generator) -> None:
    """Assert that the slope of value(x) along a random direction matches its gradient at x."""
    assert gradient.shape == x.shape
    direction = rng.normal(size=x.shape)
    direction /= np.linalg.norm(direction)
    step = 1e-6
    measured = (value(x + step * direction) - value(x - step * direction)) / (2 * step)
    # The erf in gelu is a rational approximation for float32, whose slope differs slightly from that of erf.
    np.testing.assert_allclose((gradient * direction).sum(), measured, rtol=1e-5, atol=1e-6)
