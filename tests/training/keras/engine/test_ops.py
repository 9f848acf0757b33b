import numpy as np
import pytest

from training.keras.engine.ops import DropoutOp


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_dropout_keeps_units_with_the_given_probability(rate: float, rng: np.random.Generator) -> None:
    drop = DropoutOp(rate, rng)
    ones = np.ones((1000, 200), np.float32)
    y = drop.forward(ones, training=True).copy()
    scale = np.float32(1 / (1 - rate))
    assert set(np.unique(y)) == {0, scale}
    # Five standard errors for 200,000 draws.
    margin = 5 * np.sqrt(rate * (1 - rate) / y.size)
    assert abs(np.count_nonzero(y) / y.size - (1 - rate)) < margin
    assert abs(y.mean() - 1) < margin * scale
    np.testing.assert_array_equal(drop.backward(ones.copy()), y)
    assert not np.array_equal(drop.forward(ones, training=True), y)


def test_dropout_rates_0_and_1(rng: np.random.Generator) -> None:
    ones = np.ones((10, 10), np.float32)
    np.testing.assert_array_equal(DropoutOp(0, rng).forward(ones, training=True), ones)
    everything = DropoutOp(1, rng)
    np.testing.assert_array_equal(everything.forward(ones, training=True), 0 * ones)
    np.testing.assert_array_equal(everything.backward(ones.copy()), 0 * ones)


def test_dropout_is_the_identity_in_inference(rng: np.random.Generator) -> None:
    x = rng.normal(size=(10, 10)).astype(np.float32)
    np.testing.assert_array_equal(DropoutOp(0.5, rng).forward(x, training=False), x)


def test_dropout_does_not_modify_its_input(rng: np.random.Generator) -> None:
    x = np.ones((10, 10), np.float32)
    DropoutOp(0.5, rng).forward(x, training=True)
    np.testing.assert_array_equal(x, np.ones((10, 10)))


def test_the_same_seed_gives_the_same_mask() -> None:
    x = np.ones((10, 10), np.float32)
    first, second = (DropoutOp(0.5, np.random.default_rng(3)).forward(x, training=True) for _ in range(2))
    np.testing.assert_array_equal(first, second)
