import pytest

from training import TrainingError
from training.keras.optimizers.schedules import (
    CosineDecay,
    ExponentialDecay,
    LearningRateSchedule,
    PiecewiseConstantDecay,
)


@pytest.mark.parametrize(
    ("schedule", "rates"),
    [
        (CosineDecay(1.0, 100), {0: 1, 50: 0.5, 100: 0, 500: 0}),
        (CosineDecay(1.0, 100, alpha=0.1), {0: 1, 50: 0.55, 100: 0.1}),
        (CosineDecay(0.0, 100, warmup_target=2.0, warmup_steps=10), {0: 0, 5: 1, 10: 2, 60: 1, 110: 0}),
        (ExponentialDecay(1.0, 10, 0.5), {0: 1, 5: 0.5**0.5, 10: 0.5, 20: 0.25}),
        (ExponentialDecay(1.0, 10, 0.5, staircase=True), {0: 1, 9: 1, 10: 0.5, 19: 0.5}),
        (PiecewiseConstantDecay([10, 20], [3, 2, 1]), {0: 3, 10: 3, 11: 2, 20: 2, 21: 1, 99: 1}),
    ],
)
def test_schedules_by_hand(schedule: LearningRateSchedule, rates: dict[int, float]) -> None:
    for step, rate in rates.items():
        assert schedule(step) == pytest.approx(rate, abs=1e-12)


def test_invalid_schedules_are_rejected() -> None:
    with pytest.raises(TrainingError, match="`decay_steps` must be > 0"):
        CosineDecay(1.0, 0)
    with pytest.raises(TrainingError, match="`decay_steps` must be > 0"):
        ExponentialDecay(1.0, 0, 0.5)
    with pytest.raises(TrainingError, match="length of boundaries should be 1 less than the length of values"):
        PiecewiseConstantDecay([1, 2], [1.0])
