"""One check for every gradient: against the slope along a random direction, in float64."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]


def assert_gradient(value: Callable[[Float64], float], gradient: Float64, x: Float64, rng: np.random.Generator) -> None:
    """Fail unless value(x) rises along a random direction as its gradient at x says."""
    assert gradient.shape == x.shape
    direction = rng.normal(size=x.shape)
    direction /= np.linalg.norm(direction)
    step = 1e-6
    measured = (value(x + step * direction) - value(x - step * direction)) / (2 * step)
    # The erf in gelu is a rational approximation for float32, whose slope is not quite that of erf.
    np.testing.assert_allclose((gradient * direction).sum(), measured, rtol=1e-5, atol=1e-6)
