"""Compares two models on the same rows: difference, confidence interval and statistical significance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from training.evaluation.confidence import CONFIDENCE, Interval, percentile_interval, resamples
from training.evaluation.scores import EvaluationResult


@dataclass(frozen=True)
class Comparison:
    """The metric of the second model minus that of the first, on the same rows.

    `metric` is "accuracy" or "mae". `only_first` counts the rows that only the first model predicts correctly or, for a
    regression, that it predicts more closely than the second; `only_second` is the converse.
    """

    metric: str
    difference: float
    interval: Interval
    only_first: int
    only_second: int
    p_value: float

    @property
    def chance(self) -> bool:
        """Whether the difference is not significant at the 5% level: chance alone may explain it."""
        return self.p_value >= 1 - CONFIDENCE


def compare_results(first: EvaluationResult, second: EvaluationResult, task: str) -> Comparison:
    """Compare two models row by row; the interval is a percentile bootstrap of the difference."""
    if task == "classification":
        metric, gains = "accuracy", second.correct.astype(np.float64) - first.correct
    else:
        metric, gains = "mae", _absolute_errors(first) - _absolute_errors(second)
    ahead, behind = int((gains > 0).sum()), int((gains < 0).sum())
    means = [float(gains[index].mean()) for index in resamples(len(gains))]
    p_value = _mcnemar(ahead, behind) if metric == "accuracy" else _sign_p_value(np.array(means))
    # A better model has a higher accuracy, but a lower error.
    sign = 1 if metric == "accuracy" else -1
    low, high = sorted(sign * bound for bound in percentile_interval(means))
    return Comparison(metric, sign * float(gains.mean()), (low, high), behind, ahead, p_value)


def _absolute_errors(result: EvaluationResult) -> NDArray[np.float64]:
    return np.asarray(np.abs(result.outputs[:, 0].astype(np.float64) - result.targets))


def _mcnemar(ahead: int, behind: int) -> float:
    """Return the p-value of McNemar's exact test (1947): a binomial test on the rows where the models differ."""
    return float(stats.binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0


def _sign_p_value(means: NDArray[np.float64]) -> float:
    """Return the two-sided p-value of a mean difference, from bootstrap means (Efron & Tibshirani 1993, chapter 15).

    It is twice the share of resamples in which the difference has the opposite sign.
    """
    reversed_sign = min((means <= 0).sum(), (means >= 0).sum())
    return min(2 * float(reversed_sign + 1) / (len(means) + 1), 1.0)
