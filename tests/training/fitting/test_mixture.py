import numpy as np
import pytest
from scipy.special import log_softmax

from training.fitting.mixture import Logits, Mixture, mix_classification, mix_regression


def test_a_regression_takes_the_share_with_the_smallest_squared_error(rng: np.random.Generator) -> None:
    networks, linear = rng.normal(size=(2, 500, 1))
    for share in (0.0, 0.3, 1.0):
        y = (1 - share) * networks[:, 0] + share * linear[:, 0] + 0.01 * rng.normal(size=500)
        assert mix_regression(networks, linear, y).linear == pytest.approx(share, abs=0.01)
    assert mix_regression(networks, linear, networks[:, 0] - 5 * linear[:, 0]).linear == 0
    y = rng.normal(size=500)
    assert mix_regression(networks, networks, y) == mix_regression(networks, None, y)


def test_a_constant_error_of_a_regression_is_corrected(rng: np.random.Generator) -> None:
    y, noise = rng.normal(size=500), rng.normal(size=500)
    for linear in (None, (y + noise)[:, None]):
        mixture = mix_regression((y + 2)[:, None], linear, y)
        assert mixture.linear == 0
        assert mixture.offset == pytest.approx(-2.0)


def _classes(rng: np.random.Generator, logits: Logits) -> np.ndarray:
    """Draw classes with the probabilities of the logits."""
    return np.asarray((logits + rng.gumbel(size=logits.shape)).argmax(axis=1))


def _loss(logits: Logits, classes: np.ndarray) -> float:
    return -float(log_softmax(logits, axis=1)[np.arange(len(classes)), classes].mean())


def test_overconfident_logits_are_scaled_down_and_the_loss_falls(rng: np.random.Generator) -> None:
    logits = rng.normal(size=(20_000, 3))
    classes = _classes(rng, logits)
    mixture = mix_classification(4 * logits, None, classes, scale=True)
    assert mixture.linear == 0
    assert mixture.scale == pytest.approx(0.25, rel=0.1)
    assert _loss(4 * logits * mixture.scale, classes) < _loss(4 * logits, classes)
    assert mix_classification(4 * logits, None, classes, scale=False) == Mixture()


def test_a_few_rows_that_are_all_right_give_no_certainty() -> None:
    logits = np.eye(3)[[0, 1, 2, 0, 1, 2]] * 3
    assert mix_classification(logits, None, np.array([0, 1, 2, 0, 1, 2]), scale=True).scale < 1.5


def test_the_better_of_two_models_gets_the_larger_share(rng: np.random.Generator) -> None:
    logits, noise = rng.normal(size=(2, 4000, 3)) * 2
    classes = _classes(rng, logits)
    assert mix_classification(logits, noise, classes, scale=True).linear == 0
    assert mix_classification(noise, logits, classes, scale=True).linear > 0.9
    first, second = logits + noise, logits - noise
    assert mix_classification(first, second, classes, scale=False).linear == pytest.approx(0.5, abs=0.1)
