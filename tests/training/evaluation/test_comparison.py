"""Statistical tests of the difference between two models."""

import numpy as np
import pytest

from tests.helpers.evaluation import classification_result
from training.evaluation.comparison import compare_results
from training.evaluation.scores import EvaluationResult


def test_equally_accurate_models_do_not_differ_significantly(rng: np.random.Generator) -> None:
    correct = rng.random(1000) < 0.9
    same = compare_results(classification_result(correct), classification_result(correct), "classification")
    assert (same.difference, same.p_value, same.chance) == (0, 1, True)
    other = correct.copy()
    other[:6] = ~other[:6]
    few = compare_results(classification_result(correct), classification_result(other), "classification")
    assert few.only_first + few.only_second == 6
    assert few.interval[0] <= few.difference <= few.interval[1]


def test_mcnemar_test_uses_only_the_rows_on_which_the_models_differ() -> None:
    first = np.array([True] * 100 + [False] * 25 + [True] * 9 + [False] * 10)
    second = np.array([True] * 100 + [True] * 25 + [False] * 9 + [False] * 10)
    result = compare_results(classification_result(first), classification_result(second), "classification")
    assert (result.only_first, result.only_second) == (9, 25)
    assert result.difference == pytest.approx(16 / 144)
    # 2 * sum of C(34, k) / 2^34 for k from 0 to 9
    assert result.p_value == pytest.approx(0.009041, abs=1e-6)
    assert not result.chance


def test_the_regression_with_smaller_errors_is_significantly_better(rng: np.random.Generator) -> None:
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


def test_regressions_are_compared_by_mean_error_not_by_closer_rows() -> None:
    """Each model is closer on half of the rows: one by a small, the other by a large difference."""
    first, second = np.tile([10.0, 1.0], 500), np.tile([1.0, 1.1], 500)
    result = compare_results(_errors(first), _errors(second), "regression")
    assert result.only_first == result.only_second == 500
    assert not result.chance
    assert result.interval[1] < 0
    same = compare_results(_errors(first), _errors(first), "regression")
    assert (same.p_value, same.chance) == (1, True)
