"""Steps worked out by hand, from the formulas of Keras's documentation, in plain Python."""

from math import sqrt

import numpy as np
import pytest

from training import TrainingError
from training.keras import optimizers
from training.keras.optimizers import SGD, Adam, Optimizer, RMSprop

GRADIENTS = [1.0, -2.0, 0.5, 0.0, 3.0]


def _walk(optimizer: Optimizer, gradients: list[float]) -> list[float]:
    values = np.array([1.0])
    optimizer.build(values)
    path = []
    for gradient in gradients:
        optimizer.apply(values, np.array([gradient], np.float64))
        path.append(float(values[0]))
    return path


def test_sgd() -> None:
    assert _walk(SGD(0.1), [1, 1, -2]) == pytest.approx([0.9, 0.8, 1.0])


def test_sgd_with_momentum() -> None:
    # m: -0.1, -0.15, -0.175
    assert _walk(SGD(0.1, momentum=0.5), [1, 1, 1]) == pytest.approx([0.9, 0.75, 0.575])


def test_sgd_with_nesterov() -> None:
    # m: -0.1, -0.15, -0.175; w += 0.5 m - 0.1
    assert _walk(SGD(0.1, momentum=0.5, nesterov=True), [1, 1, 1]) == pytest.approx([0.85, 0.675, 0.4875])


def test_rmsprop() -> None:
    w, v, expected = 1.0, 0.0, []
    for g in GRADIENTS:
        v = 0.9 * v + 0.1 * g * g
        w -= 0.01 * g / sqrt(v + 1e-7)
        expected.append(w)
    assert _walk(RMSprop(0.01), GRADIENTS) == pytest.approx(expected, rel=1e-12)


def test_adam() -> None:
    w, m, v, expected = 1.0, 0.0, 0.0, []
    for t, g in enumerate(GRADIENTS, 1):
        alpha = 0.01 * sqrt(1 - 0.999**t) / (1 - 0.9**t)
        m += (g - m) * (1 - 0.9)
        v += (g * g - v) * (1 - 0.999)
        w -= m * alpha / (sqrt(v) + 1e-7)
        expected.append(w)
    # The first step is lr g / (|g| + epsilon / sqrt(1 - β2)) = lr, whatever the gradient.
    assert expected[0] == pytest.approx(0.99, rel=1e-7)
    assert _walk(Adam(0.01), GRADIENTS) == pytest.approx(expected, rel=1e-12)


def test_moments_never_become_subnormal() -> None:
    values = np.ones(1000, np.float32)
    adam = Adam()
    adam.build(values)
    adam.apply(values, np.full(1000, 1e-3, np.float32))
    for _ in range(3000):
        adam.apply(values, np.zeros(1000, np.float32))
        for moments in (adam._m, adam._v):
            assert not ((moments != 0) & (np.abs(moments) < np.finfo(np.float32).tiny)).any()


def test_flushing_changes_no_digit(monkeypatch: pytest.MonkeyPatch) -> None:
    gradients = [1.0, *[0.0] * 2000, 1.0]
    flushed = _walk(Adam(), gradients)
    monkeypatch.setattr(Adam, "_flush", lambda self: None)
    assert flushed == pytest.approx(_walk(Adam(), gradients), rel=1e-12)


def test_look_up() -> None:
    assert isinstance(optimizers.get("Adam"), Adam)
    own = SGD(0.5)
    assert optimizers.get(own) is own
    with pytest.raises(TrainingError, match="Could not interpret optimizer identifier: 'adamant'; known are sgd"):
        optimizers.get("adamant")
    for bad in (0, -1, float("nan")):
        with pytest.raises(TrainingError, match="learning_rate must be above 0"):
            Adam(bad)
    with pytest.raises(TrainingError, match="momentum"):
        SGD(momentum=2)
