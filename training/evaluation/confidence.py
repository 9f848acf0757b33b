"""How far chance may have moved a figure: intervals, and whether two models differ on the same rows."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from training.evaluation.scores import Outcome

CONFIDENCE = 0.95
RESAMPLES, LEAST_RESAMPLES = 1000, 200
DRAWN = 2 * 10**7  # rows in all resamples together, unless that would be too few of them
Interval = tuple[float, float]


def intervals(outcome: Outcome, task: str) -> dict[str, Interval]:
    """Return the interval of each metric at 95 % confidence.

    That of the accuracy is Wilson's (1927), which holds where every row is right, too; those of the others are
    percentiles over bootstrap resamples of the rows (Efron 1979). Calibration error has none: it is an average
    of absolute values, which any resampling makes larger.
    """
    rows = len(outcome.targets)
    found: dict[str, list[float]] = {}
    for sample in _resamples(rows):
        for name, value in outcome.take(sample).metrics(task).items():
            found.setdefault(name, []).append(value)
    tail = (1 - CONFIDENCE) / 2
    bounds = {name: np.quantile(values, [tail, 1 - tail]) for name, values in found.items()}
    result = {name: (float(low), float(high)) for name, (low, high) in bounds.items() if name not in ("rows", "ece")}
    if task == "classification":
        right = int(outcome.right.sum())
        result["accuracy"] = wilson(right, rows)
    return result


def wilson(successes: int, trials: int) -> Interval:
    """Return the interval of a share at 95 % confidence."""
    interval = stats.binomtest(successes, trials).proportion_ci(CONFIDENCE, "wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class Comparison:
    """How much better the second of two models is than the first, on the same rows.

    `difference` is that of accuracies, or of mean absolute errors; `only_first` and `only_second` count the rows
    that one model alone gets right, or comes closer to.
    """

    metric: str
    difference: float
    interval: Interval
    only_first: int
    only_second: int
    p_value: float

    @property
    def chance(self) -> bool:
        """Whether chance alone explains the difference, at 5 %."""
        return self.p_value >= 1 - CONFIDENCE


def compare(first: Outcome, second: Outcome, task: str) -> Comparison:
    """Compare two models row by row.

    The interval is a bootstrap of the difference. Of accuracies McNemar's exact test (1947) asks whether the rows on
    which they differ fall to either side as coins do; of mean errors the share of resamples in which the difference
    has the other sign tells (Efron & Tibshirani 1993, chapter 15), twice, for it might have either.
    """
    if task == "classification":
        metric, gains = "accuracy", second.right.astype(np.float64) - first.right
    else:
        errors = (np.abs(outcome.outputs[:, 0].astype(np.float64) - outcome.targets) for outcome in (first, second))
        metric, gains = "mae", np.subtract(*errors)
    ahead, behind = int((gains > 0).sum()), int((gains < 0).sum())
    means = np.array([gains[sample].mean() for sample in _resamples(len(gains))])
    if task == "classification":
        p_value = float(stats.binomtest(ahead, ahead + behind).pvalue) if ahead + behind else 1.0
    else:
        turned = min((means <= 0).sum(), (means >= 0).sum())
        p_value = min(2 * float(turned + 1) / (len(means) + 1), 1.0)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    sign = 1 if metric == "accuracy" else -1
    bounds = sorted((sign * float(low), sign * float(high)))
    return Comparison(metric, sign * float(gains.mean()), (bounds[0], bounds[1]), behind, ahead, p_value)


def _resamples(rows: int) -> Iterator[npt.NDArray[np.intp]]:
    rng = np.random.default_rng(0)
    for _ in range(min(max(DRAWN // rows, LEAST_RESAMPLES), RESAMPLES)):
        yield rng.integers(0, rows, rows)
