"""Compares optimizer steps with the formulas of Keras's documentation, computed in plain Python."""

import re
from math import sqrt
from typing import Any

import numpy as np
import pytest

from training import TrainingError
from training.keras import optimizers
from training.keras.engine.parameters import Parameter, Parameters
from training.keras.optimizers import SGD, Adam, AdamW, Optimizer, RMSprop, schedules

GRADIENTS = [1.0, -2.0, 0.5, 0.0, 3.0]


def _walk(optimizer: Optimizer, gradients: list[float]) -> list[float]:
    parameters = Parameters([Parameter("kernel", (1,))], np.float64)
    parameters.values[:] = 1
    optimizer.build(parameters.values)
    path = []
    for gradient in gradients:
        parameters.gradient[:] = gradient
        optimizer.apply(parameters)
        path.append(float(parameters.values[0]))
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
    # The first step is lr g / (|g| + epsilon / sqrt(1 - β2)) = lr, regardless of the gradient.
    assert expected[0] == pytest.approx(0.99, rel=1e-7)
    assert _walk(Adam(0.01), GRADIENTS) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("optimizer", [Adam(), SGD(momentum=0.9), RMSprop(momentum=0.9)])
def test_slots_never_become_subnormal(optimizer: Optimizer) -> None:
    parameters = Parameters([Parameter("kernel", (1000,))])
    optimizer.build(parameters.values)
    parameters.gradient[:] = 1e-3
    optimizer.apply(parameters)
    for _ in range(3000):
        parameters.gradient[:] = 0
        optimizer.apply(parameters)
        for moments in optimizer.slots:
            assert not ((moments != 0) & (np.abs(moments) < np.finfo(np.float32).tiny)).any()


def test_flushing_does_not_change_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    gradients = [1.0, *[0.0] * 2000, 1.0]
    flushed = _walk(Adam(), gradients)
    monkeypatch.setattr(Adam, "_flush", lambda self: None)
    assert flushed == pytest.approx(_walk(Adam(), gradients), rel=1e-12)


def test_adamw_weight_decay() -> None:
    assert _walk(AdamW(0.1, weight_decay=0.5), [0, 0]) == pytest.approx([0.95, 0.9025])
    excluding = AdamW(0.1, weight_decay=0.5)
    excluding.exclude_from_weight_decay(["ker"])
    assert _walk(excluding, [0]) == [1]


def _clipped(**clip: float) -> list[float]:
    """Return the clipped gradients of two tensors, whose gradients are (3, 4) and (0, 12)."""
    parameters = Parameters([Parameter("a", (2,)), Parameter("b", (2,))], np.float64)
    parameters.gradient[:] = [3, 4, 0, 12]
    sgd = SGD(1.0, **clip)  # type: ignore[arg-type]
    sgd.build(parameters.values)
    sgd.apply(parameters)
    values: list[float] = (-parameters.values).tolist()
    return values


def test_gradient_clipping() -> None:
    assert _clipped(clipnorm=1.0) == pytest.approx([0.6, 0.8, 0, 1])
    assert _clipped(clipnorm=6.0) == pytest.approx([3, 4, 0, 6])
    assert _clipped(global_clipnorm=6.5) == pytest.approx([1.5, 2, 0, 6])
    assert _clipped(clipvalue=3.5) == pytest.approx([3, 3.5, 0, 3.5])
    assert _clipped() == pytest.approx([3, 4, 0, 12])
    with pytest.raises(TrainingError, match="Only one of `clipnorm`, `clipvalue` and `global_clipnorm`"):
        SGD(clipnorm=1, clipvalue=1)
    with pytest.raises(TrainingError, match="Unrecognized keyword arguments passed to Adam: decay"):
        Adam(decay=0.1)


def test_a_schedule_sets_the_rate_of_each_step() -> None:
    assert _walk(SGD(schedules.PiecewiseConstantDecay([1], [0.1, 0.01])), [1, 1, 1]) == pytest.approx([0.9, 0.8, 0.79])
    sgd = SGD(schedules.ExponentialDecay(0.1, 1, 0.5))
    with pytest.raises(TrainingError, match="its learning rate is not settable"):
        sgd.learning_rate = 0.5
    constant = SGD(0.1)
    constant.learning_rate = 0.5
    assert constant.learning_rate == 0.5


def test_lookup_by_name() -> None:
    assert isinstance(optimizers.get("Adam"), Adam)
    own = SGD(0.5)
    assert optimizers.get(own) is own
    with pytest.raises(
        TrainingError, match=r"Could not interpret optimizer identifier: 'adamant'\. Expected one of: sgd"
    ):
        optimizers.get("adamant")
    for bad in (0, -1, float("nan"), "fast"):
        with pytest.raises(
            TrainingError, match=r"argument `learning_rate`\. Expected a number > 0 or a learning rate schedule"
        ):
            Adam(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (SGD, {"momentum": 2}, "`momentum`. Expected a number in the range [0, 1]. Received: momentum=2"),
        (RMSprop, {"rho": -0.1}, "`rho`. Expected a number in the range [0, 1]. Received: rho=-0.1"),
        (RMSprop, {"momentum": 2}, "`momentum`. Expected a number in the range [0, 1]. Received: momentum=2"),
        (Adam, {"beta_1": 1}, "`beta_1`. Expected a number in the range [0, 1). Received: beta_1=1"),
        (Adam, {"beta_2": 1.5}, "`beta_2`. Expected a number in the range [0, 1). Received: beta_2=1.5"),
        (Adam, {"epsilon": "small"}, "`epsilon`. Expected a number >= 0. Received: epsilon='small'"),
        (AdamW, {"weight_decay": -1}, "`weight_decay`. Expected a number >= 0. Received: weight_decay=-1"),
        (AdamW, {"exclude_from_weight_decay": "bias"}, "`exclude_from_weight_decay`. Expected a list of names"),
        (SGD, {"clipnorm": -1}, "`clipnorm`. Expected a number >= 0. Received: clipnorm=-1"),
    ],
)
def test_arguments_out_of_range_are_rejected(kind: type[Optimizer], arguments: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=re.escape(message)):
        kind(**arguments)
