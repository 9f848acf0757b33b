import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.helpers.keras_models import LOSS, built_model
from training import TrainingError
from training import keras as tf_keras
from training.keras import Sequential, models
from training.keras.layers import (
    ELU,
    BatchNormalization,
    Dense,
    Dropout,
    Input,
    Layer,
    LeakyReLU,
    Normalization,
    ReLU,
    Rescaling,
    Softmax,
)


def test_the_initial_kernel_is_glorot_uniform() -> None:
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
        (
            lambda: Dense(2, "swish!"),
            "Could not interpret activation function identifier: 'swish!'. Expected one of: linear",
        ),
        (lambda: Dense(2, kernel_initializer="ones!"), "Could not interpret initializer identifier: 'ones!'"),
        (lambda: Dense(2, colour="red"), "Unrecognized keyword arguments passed to Dense: colour"),
        (lambda: Dropout(1.5), "`rate`. Expected a number in the range [0, 1]. Received: rate=1.5"),
        (lambda: Dropout(-0.1), "`rate`. Expected a number in the range [0, 1]. Received: rate=-0.1"),
        (lambda: Dropout("half"), "`rate`. Expected a number in the range [0, 1]. Received: rate='half'"),  # type: ignore[arg-type]
        (
            lambda: BatchNormalization(momentum=2),
            "`momentum`. Expected a number in the range [0, 1]. Received: momentum=2",
        ),
        (lambda: BatchNormalization(epsilon=-1), "`epsilon`. Expected a number >= 0. Received: epsilon=-1"),
        (lambda: Sequential(["dense"]), "Only instances of `keras.layers.Layer` can be added"),  # type: ignore[list-item]
        (lambda: Sequential().build((None, 3)), "cannot be built because it has no layers. Call `model.add(layer)`"),
        (
            lambda: Sequential([Dense(2)]).build((None, 3, 3)),
            "expected ndim=2, found ndim=3. Full shape received: (None, 3, 3). Add a `Flatten()` layer",
        ),
        (lambda: Sequential([BatchNormalization()]).build((None, 3, 3)), "Add a `Flatten()` layer before it"),
        (
            lambda: Sequential([Dense(2)]).build((None, None)),
            "`input_shape`. Expected a shape such as (None, n)",
        ),
        (lambda: Sequential([Normalization()]).build((None, 3)), "Call `adapt(data)` before the model is built"),
        (
            lambda: Sequential([Normalization(mean=[0, 0], variance=[1, 1])]).build((None, 3)),
            "has a mean of shape (2,) and a variance of shape (2,), which do not fit samples of shape (3,)",
        ),
        (lambda: Normalization(mean=[0.0]), "both `mean` and `variance` must be set"),
        (lambda: Normalization(axis=0), "`axis`. Expected -1"),
        (lambda: Rescaling(0), "requires a finite, nonzero `scale`"),
        (lambda: Dense(2, kernel_regularizer="l3"), "Could not interpret regularizer identifier: 'l3'"),
        (lambda: tf_keras.regularizers.l1(-1), "`l1`. Expected a number >= 0. Received: l1=-1"),
        (lambda: _with_weights([np.zeros((4, 3))]), "of 'sequential': expected a list of 2 arrays. Received: 1 arrays"),
        (
            lambda: _with_weights([np.zeros((4, 2)), np.zeros(3)]),
            "of 'sequential': expected shape (4, 3) for weights[0]. Received: shape (4, 2)",
        ),
        (lambda: built_model().add(Input((4,))), "an Input must be the first layer, and a model has only one Input"),
        (lambda: Sequential([Input((4,)), Input((4,))]), "an Input must be the first layer"),
        (lambda: Input(4), "received for Input. Expected the shape of a sample"),  # type: ignore[arg-type]
        (lambda: Input(4), "without the batch dimension, such as (4,). Received: 4"),  # type: ignore[arg-type]
        (lambda: Input((None, 4)), "without the batch dimension, such as (4,). Received: (None, 4)"),  # type: ignore[arg-type]
        (lambda: Dense(2, input_shape="4"), "Invalid shape received for Dense"),
        (lambda: Input((4,), sparse=True), "Unrecognized keyword arguments passed to Input: sparse"),
        (lambda: Dense(2).get_weights(), "have not yet been created. Call `fit()` or `build()` on its model first"),
        (lambda: Dense(2).set_weights([]), "have not yet been created"),
        (lambda: built_model().layers[0].set_weights([1]), "': expected a list of 2 arrays. Received: 1 arrays"),
        (
            lambda: Sequential([Dense(2)]).compile("adam"),
            "No loss to compute. Provide a `loss` argument in `compile()`",
        ),
        (lambda: Sequential([Dense(2)]).compile("adam", LOSS, ["beauty"]), "metric identifier: 'beauty'"),
        (lambda: Sequential([Dense(2)]).network(), "Weights for model 'sequential' have not yet been created"),
    ],
)
def test_invalid_layers_and_models_are_rejected(make: Any, message: str) -> None:
    with pytest.raises(TrainingError, match=re.escape(message)):
        make()


def test_layers_and_models_cannot_be_frozen() -> None:
    layer = Dense(3, name="hidden")
    model = Sequential([layer])
    layer.trainable = True
    assert layer.trainable
    with pytest.raises(TrainingError, match="hidden cannot be frozen"):
        layer.trainable = False
    with pytest.raises(TrainingError, match="sequential cannot be frozen"):
        model.trainable = False


def test_input_accepts_batch_size_and_dtype() -> None:
    assert Sequential([Input((4,), batch_size=3, dtype="float32"), Dense(2)]).predict(np.eye(4)).shape == (4, 2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ReLU(max_value=6), "`max_value`. Expected None"),
        (lambda: ReLU(negative_slope=0.1), "`negative_slope`. Expected 0, or the layer LeakyReLU"),
        (lambda: ReLU(threshold=1), "`threshold`. Expected 0"),
        (lambda: ELU(alpha=2), "`alpha`. Expected 1"),
        (lambda: Softmax(axis=0), "`axis`. Expected -1"),
        (lambda: LeakyReLU(-1), "`negative_slope`. Expected a number >= 0"),
    ],
)
def test_activations_that_cannot_be_published_are_refused(make: Callable[[], Layer], message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        make()


def test_activation_layers_compute_the_formulas_of_keras(tmp_path: Path) -> None:
    x = np.array([[-2.0, -0.5, 0.0, 3.0]], np.float32)
    expected = {
        ReLU(): [[0, 0, 0, 3]],
        ELU(): [[np.expm1(-2), np.expm1(-0.5), 0, 3]],
        LeakyReLU(): [[-0.6, -0.15, 0, 3]],
        LeakyReLU(0.5): [[-1, -0.25, 0, 3]],
        Softmax(): np.exp(x) / np.exp(x).sum(),
    }
    for layer, values in expected.items():
        model = Sequential([layer])
        np.testing.assert_allclose(model.predict(x), values, rtol=1e-6)
        model.save(tmp_path / "model.npz")
        np.testing.assert_array_equal(models.load_model(tmp_path / "model.npz").predict(x), model.predict(x))
