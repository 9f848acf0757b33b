"""The interval of each metric at 95 % confidence."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import stats

from training.evaluation.scores import EvaluationResult

CONFIDENCE = 0.95
MIN_RESAMPLES, MAX_RESAMPLES = 200, 1000
RESAMPLED_ROWS = 2 * 10**7  # of all resamples together; more only to reach MIN_RESAMPLES
Interval = tuple[float, float]


def confidence_intervals(result: EvaluationResult, task: str) -> dict[str, Interval]:
    """Return the interval of each metric at 95 % confidence.

    The interval of the accuracy is Wilson's (1927), which is valid even if every row is correct; the others are
    percentiles over bootstrap resamples of the rows (Efron 1979). The calibration error has none: it is an average
    of absolute values, which any resampling makes larger.
    """
    rows = len(result.targets)
    samples: dict[str, list[float]] = {}
    for index in resamples(rows):
        for name, value in result.take(index).scores(task).items():
            samples.setdefault(name, []).append(value)
    tail = (1 - CONFIDENCE) / 2
    bounds = {name: np.quantile(values, [tail, 1 - tail]) for name, values in samples.items()}
    intervals = {name: (float(low), float(high)) for name, (low, high) in bounds.items() if name not in ("rows", "ece")}
    if task == "classification":
        intervals["accuracy"] = wilson_interval(int(result.correct.sum()), rows)
    return intervals


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return the interval of a share at 95 % confidence."""
    interval = stats.binomtest(successes, trials).proportion_ci(CONFIDENCE, "wilson")
    return float(interval.low), float(interval.high)


def resamples(rows: int) -> Iterator[npt.NDArray[np.intp]]:
    """Yield bootstrap resamples: row numbers (N,), drawn with replacement."""
    rng = np.random.default_rng(0)
    for _ in range(min(max(RESAMPLED_ROWS // rows, MIN_RESAMPLES), MAX_RESAMPLES)):
        yield rng.integers(0, rows, rows)
