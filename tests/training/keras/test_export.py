"""The exported network, with all layers folded into dense layers, gives the same predictions as the model."""

import re
from collections.abc import Sequence

import numpy as np
import pytest

from training import TrainingError
from training.keras import Input, Sequential
from training.keras.layers import (
    ELU,
    Activation,
    BatchNormalization,
    Dense,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    Normalization,
    ReLU,
    Rescaling,
    Softmax,
)


def _random_layer(rng: np.random.Generator, width: int) -> list[Layer]:
    """Return a random layer that can be folded into a dense layer."""
    mean, variance = rng.normal(size=width), rng.uniform(0.5, 2, width)
    scales: list[Layer] = [
        Rescaling(float(rng.uniform(-2, 2)) or 1.0, float(rng.normal())),
        Normalization(mean=mean, variance=variance),
        BatchNormalization(),
        BatchNormalization(center=False),
        BatchNormalization(scale=False),
        Dropout(0.3),
        Activation("linear"),
    ]
    return [scales[rng.integers(len(scales))]]


def _random_chain(rng: np.random.Generator) -> list[Layer]:
    layers: list[Layer] = [Flatten()]
    width = 6
    for _ in range(rng.integers(1, 4)):
        for _ in range(rng.integers(0, 3)):
            layers += _random_layer(rng, width)
        width = int(rng.integers(2, 7))
        layers.append(Dense(width, use_bias=bool(rng.integers(2))))
        for _ in range(rng.integers(0, 3)):
            layers += _random_layer(rng, width)
        if rng.integers(2):
            named = Activation(str(rng.choice(["relu", "tanh", "elu", "sigmoid"])))
            layers.append([named, ReLU(), ELU(), LeakyReLU(), LeakyReLU(0.2), LeakyReLU(1.5)][rng.integers(6)])
    for _ in range(rng.integers(0, 2)):
        layers += _random_layer(rng, width)
    ends: list[list[Layer]] = [[Dense(3, "softmax")], [Dense(3), Softmax()], [Dense(3), LeakyReLU(0.1)]]
    return [*layers, *ends[rng.integers(3)]]


@pytest.mark.parametrize("repetition", range(20))
def test_random_models_are_folded_exactly(repetition: int, rng: np.random.Generator) -> None:
    layers = _random_chain(rng)
    model = Sequential(layers)
    model.build((None, 2, 3))
    weights = [rng.normal(size=part.shape) for part in model.get_weights()]
    model.set_weights(weights)
    for layer in layers:
        if layer.statistics:
            layer.statistics[1][:] = rng.uniform(0.5, 2, layer.statistics[1].shape)
    x = rng.normal(size=(50, 2, 3)).astype(np.float32)
    network = model.network()
    dense = sum(isinstance(layer, Dense) for layer in layers)
    assert len(network.layers) == dense + isinstance(layers[-1], LeakyReLU)
    np.testing.assert_allclose(network.predict(x.reshape(50, 6)), model.predict(x), rtol=2e-6, atol=2e-5)


def test_a_single_sigmoid_output_becomes_two_classes(rng: np.random.Generator) -> None:
    model = Sequential([Dense(4, "tanh"), Dense(1), Activation("sigmoid")])
    model.build((None, 3))
    x = rng.normal(scale=3, size=(50, 3)).astype(np.float32)
    p = model.predict(x)
    np.testing.assert_allclose(model.network().predict(x), np.hstack([1 - p, p]), atol=1e-6)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([Dense(3, "relu"), BatchNormalization(name="bn")], "bn can't be published: no Dense layer follows"),
        ([Dense(3, "softmax"), Rescaling(2.0, name="twice")], "twice can't be published: no Dense layer follows"),
        (
            [Activation("relu", name="act"), Dense(3)],
            "act (relu) can't be published: an Activation must follow a linear Dense layer, but it is the first",
        ),
        ([Dense(3, "relu", name="d"), Activation("tanh", name="act"), Dense(3)], "but it follows d"),
        ([Dense(3, "relu"), BatchNormalization(name="bn"), Activation("tanh"), Dense(3)], "but it follows bn"),
        ([Input((3,)), Dropout(0.5)], "a model without a Dense layer can't be published"),
    ],
)
def test_a_layer_that_cannot_be_folded_is_named(layers: Sequence[Layer], message: str) -> None:
    model = Sequential(layers)
    model.build((None, 3))
    with pytest.raises(TrainingError, match=re.escape(message)):
        model.network()
