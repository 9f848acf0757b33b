import re
from pathlib import Path

import numpy as np
import pytest

from tests.helpers.keras_models import built_model
from training import TrainingError
from training.keras import Sequential
from training.keras.layers import BatchNormalization, Dense, Dropout, Input, Normalization


def test_weights_are_in_the_order_of_keras(rng: np.random.Generator) -> None:
    model = Sequential([Dense(5), BatchNormalization(), Dense(2, use_bias=False)])
    model.build((None, 3))
    weights = model.get_weights()
    assert [part.shape for part in weights] == [(3, 5), (5,), (5,), (5,), (5,), (5,), (5, 2)]
    changed = [rng.normal(size=part.shape).astype(np.float32) for part in weights]
    model.set_weights(changed)
    for part, expected in zip(model.get_weights(), changed, strict=True):
        np.testing.assert_array_equal(part, expected)


def test_a_model_with_an_input_has_weights_before_it_sees_data(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def declared() -> Sequential:
        return Sequential([Input((4,)), Dense(3, name="hidden"), Dropout(0.5), Dense(2)])

    model = declared()
    assert [part.shape for part in model.get_weights()] == [(4, 3), (3,), (3, 2), (2,)]
    declared().summary()
    assert re.search(r"hidden \(Dense\) +│ \(None, 3\) +│ +15 │", capsys.readouterr().out)
    model.save_weights(tmp_path / "weights.npz")
    by_hand, from_file = declared(), declared()
    by_hand.set_weights(model.get_weights())
    from_file.load_weights(tmp_path / "weights.npz")
    for other in (by_hand, from_file):
        np.testing.assert_array_equal(other.predict(np.eye(4)), model.predict(np.eye(4)))


def test_adding_a_layer_keeps_the_weights_of_the_others() -> None:
    model = Sequential([Dense(3, input_shape=(4,)), BatchNormalization()])
    model.compile("adam", "mse")
    before = model.get_weights()
    model.add(Dense(2))
    assert len(model.get_weights()) == len(before) + 2
    with pytest.raises(TrainingError, match="adapt"):
        model.add(Normalization())
    for part, expected in zip(model.get_weights(), before, strict=False):
        np.testing.assert_array_equal(part, expected)
    assert model.predict(np.eye(4)).shape == (4, 2)
    model.fit(np.eye(4), np.zeros((4, 2)), verbose=0)


def test_adapt_takes_effect_after_the_model_is_built(rng: np.random.Generator) -> None:
    x, normal = rng.normal(3, 2, (50, 4)), Normalization()
    model = Sequential([Input((4,)), normal])
    model.summary(print_fn=lambda text: None)
    for data in (x, x * 2):
        normal.adapt(data)
        np.testing.assert_allclose(model.predict(data), (x - x.mean(axis=0)) / x.std(axis=0), rtol=1e-3, atol=1e-5)


def test_the_weights_of_one_layer_can_be_read_and_set(rng: np.random.Generator) -> None:
    model = built_model()
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([kernel * 0, bias + 1])
    np.testing.assert_allclose(model.predict(rng.normal(size=(2, 4))), np.full((2, 3), 1 / 3), rtol=1e-6)
