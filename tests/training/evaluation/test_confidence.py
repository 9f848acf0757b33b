"""Confidence intervals and their coverage."""

import numpy as np
import pytest

from tests.helpers.evaluation import classification_result
from training.evaluation.confidence import confidence_intervals, wilson_interval
from training.evaluation.scores import EvaluationResult


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_the_wilson_interval_matches_published_values(
    successes: int, trials: int, expected: tuple[float, float]
) -> None:
    np.testing.assert_allclose(wilson_interval(successes, trials), expected, atol=5e-5)


def test_intervals_cover_the_true_value_at_the_stated_rate(rng: np.random.Generator) -> None:
    truth, held = 0.1 * 0.8 + 2.3 * 0.2, 0
    for _ in range(200):
        bounds = confidence_intervals(classification_result(rng.random(150) < 0.8), "classification")
        held += bounds["loss"][0] <= truth <= bounds["loss"][1]
    assert held > 200 * 0.88


def test_a_regression_has_intervals_too(rng: np.random.Generator) -> None:
    y = rng.normal(size=500)
    outputs = (y + rng.normal(size=500) / 2).astype(np.float32)
    result = EvaluationResult(outputs[:, None], np.square(outputs - y), y)
    bounds, scores = confidence_intervals(result, "regression"), result.scores("regression")
    assert set(bounds) == {"r2", "mae", "rmse"}
    for name, (low, high) in bounds.items():
        assert low < scores[name] < high
