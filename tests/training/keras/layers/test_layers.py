import re
from typing import Any

import numpy as np
import pytest

from tests.helpers.keras_models import LOSS, built_model
from training import TrainingError
from training import keras as tf_keras
from training.keras import Sequential
from training.keras.layers import BatchNormalization, Dense, Dropout, Input, Normalization, Rescaling


def test_the_first_weights_are_glorot_uniform() -> None:
    dense = Dense(300)
    Sequential([dense]).build((None, 500))
    limit = np.sqrt(6 / 800)
    assert dense.kernel.min() == pytest.approx(-limit, rel=1e-3)
    assert dense.kernel.max() == pytest.approx(limit, rel=1e-3)
    assert dense.kernel.mean() == pytest.approx(0, abs=limit / 100)
    assert dense.bias is not None
    assert not dense.bias.any()


def _with_weights(weights: list[np.ndarray]) -> None:
    built_model().set_weights(weights)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Dense(0), "invalid value for `units`, expected a positive integer. Received: units=0"),
        (lambda: Dense(True), "invalid value for `units`"),
        (lambda: Dense(2.5), "invalid value for `units`"),  # type: ignore[arg-type]
        (lambda: Dense(2, "swish!"), "Could not interpret activation function identifier: 'swish!'; known are"),
        (lambda: Dense(2, kernel_initializer="ones!"), "Could not interpret initializer identifier: 'ones!'"),
        (lambda: Dense(2, colour="red"), "Unrecognized keyword arguments passed to Dense: colour"),
        (lambda: Dropout(1.5), "rate must be a number from 0 to 1, got 1.5"),
        (lambda: Dropout(-0.1), "rate must be a number from 0 to 1"),
        (lambda: Dropout("half"), "rate must be a number from 0 to 1, got 'half'"),  # type: ignore[arg-type]
        (lambda: BatchNormalization(momentum=2), "momentum must be a number from 0 to 1, got 2"),
        (lambda: BatchNormalization(epsilon=-1), "epsilon must be a number from 0 on, got -1"),
        (lambda: Sequential(["dense"]), "Only instances of `keras.Layer` can be added"),  # type: ignore[list-item]
        (lambda: Sequential().build((None, 3)), "at least one layer"),
        (lambda: Sequential([Dense(2)]).build((None, 3, 3)), "takes rows of one dimension, got (3, 3): add Flatten()"),
        (lambda: Sequential([BatchNormalization()]).build((None, 3, 3)), "add Flatten() before it"),
        (lambda: Sequential([Dense(2)]).build((None, None)), "expected an input shape (None, n)"),
        (lambda: Sequential([Normalization()]).build((None, 3)), "call adapt(data) first"),
        (lambda: Sequential([Normalization(mean=[0, 0], variance=[1, 1])]).build((None, 3)), "was adapted to rows of"),
        (lambda: Normalization(mean=[0.0]), "both `mean` and `variance` must be set"),
        (lambda: Normalization(axis=0), "axis must be -1"),
        (lambda: Rescaling(0), "a finite scale that is not 0"),
        (lambda: Dense(2, kernel_regularizer="l3"), "Could not interpret regularizer identifier: 'l3'"),
        (lambda: tf_keras.regularizers.l1(-1), "`l1` must be a number from 0 on"),
        (lambda: _with_weights([np.zeros((4, 3))]), "weight list of length 1, but the layer was expecting 2 weights"),
        (
            lambda: _with_weights([np.zeros((4, 2)), np.zeros(3)]),
            "Layer weight shape (4, 3) not compatible with (4, 2)",
        ),
        (lambda: built_model().add(Input((4,))), "comes too late: an Input comes before all layers, once"),
        (lambda: Sequential([Input((4,)), Input((4,))]), "comes too late"),
        (lambda: Input(4), "Input takes the shape of a row, such as (4,), got 4"),  # type: ignore[arg-type]
        (lambda: Input((None, 4)), "Input takes the shape of a row, such as (4,), got (None, 4)"),  # type: ignore[arg-type]
        (lambda: Dense(2, input_shape="4"), "Dense takes the shape of a row"),
        (lambda: Input((4,), sparse=True), "Unrecognized keyword arguments passed to Input: sparse"),
        (lambda: Dense(2).get_weights(), "has no weights yet: call fit() or build() of its model first"),
        (lambda: Dense(2).set_weights([]), "has no weights yet"),
        (lambda: built_model().layers[0].set_weights([1]), "weight list of length 1, but the layer was expecting 2"),
        (lambda: Sequential([Dense(2)]).compile("adam"), "compile() needs a loss"),
        (lambda: Sequential([Dense(2)]).compile("adam", LOSS, ["beauty"]), "metric identifier: 'beauty'"),
        (lambda: Sequential([Dense(2)]).network(), "the model has no weights yet"),
    ],
)
def test_invalid_layers_and_models(make: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=re.escape(message)):
        make()


def test_layers_can_not_be_frozen() -> None:
    layer = Dense(3, name="hidden")
    model = Sequential([layer])
    layer.trainable = True
    assert layer.trainable
    with pytest.raises(TrainingError, match="hidden can't be frozen"):
        layer.trainable = False
    with pytest.raises(TrainingError, match="sequential can't be frozen"):
        model.trainable = False


def test_an_input_takes_arguments_without_effect() -> None:
    assert Sequential([Input((4,), batch_size=3, dtype="float32"), Dense(2)]).predict(np.eye(4)).shape == (4, 2)
