from typing import Any

import pytest

from training import keras as tf_keras


def test_the_modules_of_keras() -> None:
    for name in ("Sequential", "Input", "layers", "optimizers", "losses", "metrics", "callbacks", "utils", "models"):
        assert hasattr(tf_keras, name)
    with pytest.raises(AttributeError, match="Could not interpret layer identifier: 'Conv2D'; known are Activation"):
        tf_keras.layers.Conv2D  # noqa: B018


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        (tf_keras, "Model", "Could not interpret module identifier: 'Model'; known are Input, Sequential"),
        (tf_keras.layers, "Conv2D", "layer identifier: 'Conv2D'; known are Activation, BatchNormalization, Dense"),
        (tf_keras.optimizers, "Adagrad", "optimizer identifier: 'Adagrad'; known are SGD, RMSprop, Adam, AdamW"),
        (tf_keras.optimizers.schedules, "CosineDecayRestarts", "known are CosineDecay, ExponentialDecay"),
        (tf_keras.losses, "Hinge", "loss identifier: 'Hinge'; known are SparseCategoricalCrossentropy"),
        (tf_keras.metrics, "F1Score", "metric identifier: 'F1Score'; known are Accuracy"),
        (
            tf_keras.initializers,
            "Orthogonal",
            "initializer identifier: 'Orthogonal'; known are Constant, GlorotUniform",
        ),
        (tf_keras.regularizers, "OrthogonalRegularizer", "regularizer identifier: .* known are L1, L2, L1L2"),
        (tf_keras.callbacks, "TensorBoard", "callback identifier: 'TensorBoard'; known are BackupAndRestore"),
        (tf_keras.utils, "plot_model", "known are set_random_seed, to_categorical"),
        (tf_keras.models, "clone_model", "known are Sequential, load_model"),
    ],
)
def test_an_unknown_name_is_refused_with_the_known_ones(module: Any, name: str, message: str) -> None:
    with pytest.raises(AttributeError, match=message):
        getattr(module, name)
