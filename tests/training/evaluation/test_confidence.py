"""Intervals that hold as often as they say, and tests that tell chance from difference."""

import numpy as np
import pytest

from training.evaluation.comparison import compare_results
from training.evaluation.confidence import MIN_RESAMPLES, confidence_intervals, wilson_interval
from training.evaluation.scores import EvaluationResult


def _result(correct: np.ndarray) -> EvaluationResult:
    outputs = np.where(correct[:, None], [0.9, 0.1], [0.1, 0.9]).astype(np.float32)
    return EvaluationResult(outputs, np.where(correct, 0.1, 2.3), np.zeros(len(correct), np.intp))


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)), (1, 29, (0.0061, 0.1718))],
)
def test_wilson_s_interval(successes: int, trials: int, expected: tuple[float, float]) -> None:
    np.testing.assert_allclose(wilson_interval(successes, trials), expected, atol=5e-5)


def test_intervals_hold_the_truth_as_often_as_they_say(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with as few resamples as the largest data get."""
    monkeypatch.setattr("training.evaluation.confidence.MAX_RESAMPLES", MIN_RESAMPLES)
    truth, held = 0.1 * 0.8 + 2.3 * 0.2, 0
    for _ in range(200):
        bounds = confidence_intervals(_result(rng.random(150) < 0.8), "classification")
        held += bounds["loss"][0] <= truth <= bounds["loss"][1]
    assert held > 200 * 0.88


def test_a_regression_has_intervals_too(rng: np.random.Generator) -> None:
    y = rng.normal(size=500)
    outputs = (y + rng.normal(size=500) / 2).astype(np.float32)
    model_result = EvaluationResult(outputs[:, None], np.square(outputs - y), y)
    bounds, scores = confidence_intervals(model_result, "regression"), model_result.scores("regression")
    assert set(bounds) == {"r2", "mae", "rmse"}
    for name, (low, high) in bounds.items():
        assert low < scores[name] < high


def test_two_models_that_err_alike_differ_by_chance(rng: np.random.Generator) -> None:
    correct = rng.random(1000) < 0.9
    same = compare_results(_result(correct), _result(correct), "classification")
    assert (same.difference, same.p_value, same.chance) == (0, 1, True)
    other = correct.copy()
    other[:6] = ~other[:6]
    few = compare_results(_result(correct), _result(other), "classification")
    assert few.only_first + few.only_second == 6
    assert few.interval[0] <= few.difference <= few.interval[1]


def test_mcnemar_s_test_is_that_of_the_rows_that_differ() -> None:
    first = np.array([True] * 100 + [False] * 25 + [True] * 9 + [False] * 10)
    second = np.array([True] * 100 + [True] * 25 + [False] * 9 + [False] * 10)
    result = compare_results(_result(first), _result(second), "classification")
    assert (result.only_first, result.only_second) == (9, 25)
    assert result.difference == pytest.approx(16 / 144)
    # 2 * sum of C(34, k) / 2^34 for k from 0 to 9
    assert result.p_value == pytest.approx(0.009041, abs=1e-6)
    assert not result.chance


def test_the_closer_of_two_regressions_wins(rng: np.random.Generator) -> None:
    y = rng.normal(size=300)

    def model_result(noise: float) -> EvaluationResult:
        outputs = (y + noise * rng.normal(size=300)).astype(np.float32)
        return EvaluationResult(outputs[:, None], np.square(outputs - y), y)

    result = compare_results(model_result(1.0), model_result(0.2), "regression")
    assert result.metric == "mae"
    assert result.interval[0] <= result.difference <= result.interval[1] < 0
    assert result.only_second > result.only_first
    assert not result.chance


def _errors(sizes: np.ndarray) -> EvaluationResult:
    return EvaluationResult(sizes.astype(np.float32)[:, None], np.square(sizes), np.zeros(len(sizes)))


def test_the_verdict_on_a_regression_is_that_on_its_mean_error() -> None:
    """One model is closer on half of the rows by little, the other on the other half by far."""
    first, second = np.tile([10.0, 1.0], 500), np.tile([1.0, 1.1], 500)
    result = compare_results(_errors(first), _errors(second), "regression")
    assert result.only_first == result.only_second == 500
    assert not result.chance
    assert result.interval[1] < 0
    same = compare_results(_errors(first), _errors(first), "regression")
    assert (same.p_value, same.chance) == (1, True)
