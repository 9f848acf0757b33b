"""The 95% confidence interval of each metric."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from training.evaluation.scores import EvaluationResult

CONFIDENCE = 0.95
MIN_RESAMPLES, MAX_RESAMPLES = 200, 1000
RESAMPLED_ROWS = 2 * 10**7  # limit over all resamples; exceeded only to reach MIN_RESAMPLES
Interval = tuple[float, float]


def confidence_intervals(result: EvaluationResult, task: str) -> dict[str, Interval]:
    """Return the 95% confidence interval of each metric.

    The accuracy has a Wilson score interval (1927), which is valid even if every row is correct; the other metrics have
    percentile intervals over bootstrap resamples of the rows (Efron 1979). The calibration error has no interval: it is
    an average of absolute values, which resampling biases upwards.
    """
    if task == "classification":
        losses = [float(result.losses[index].mean()) for index in resamples(len(result.targets))]
        correct = wilson_interval(int(result.correct.sum()), len(result.targets))
        return {"accuracy": correct, "loss": percentile_interval(losses)}
    scores = [result.take(index).scores(task) for index in resamples(len(result.targets))]
    return {name: percentile_interval([score[name] for score in scores]) for name in scores[0] if name != "rows"}


def percentile_interval(values: list[float]) -> Interval:
    """Return the bounds of the central 95% of the values of resamples."""
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def wilson_interval(successes: int, trials: int) -> Interval:
    """Return the 95% Wilson score interval of a proportion."""
    interval = stats.binomtest(successes, trials).proportion_ci(CONFIDENCE, "wilson")
    return float(interval.low), float(interval.high)


def resamples(rows: int) -> Iterator[NDArray[np.intp]]:
    """Yield bootstrap resamples: row numbers (N,), drawn with replacement."""
    rng = np.random.default_rng(0)
    for _ in range(min(max(RESAMPLED_ROWS // rows, MIN_RESAMPLES), MAX_RESAMPLES)):
        yield rng.integers(0, rows, rows)
