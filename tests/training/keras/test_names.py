from typing import Any

import pytest

from training import keras as tf_keras


def test_the_modules_of_keras_exist() -> None:
    for name in ("Sequential", "Input", "layers", "optimizers", "losses", "metrics", "callbacks", "utils", "models"):
        assert hasattr(tf_keras, name)
    with pytest.raises(
        AttributeError, match=r"Could not interpret layer identifier: 'Conv2D'\. Expected one of: Activation"
    ):
        tf_keras.layers.Conv2D  # noqa: B018


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        (tf_keras, "Model", "Could not interpret module identifier: 'Model'. Expected one of: Input, Sequential"),
        (
            tf_keras.layers,
            "Conv2D",
            "layer identifier: 'Conv2D'. Expected one of: Activation, BatchNormalization, Dense",
        ),
        (tf_keras.optimizers, "Adagrad", "optimizer identifier: 'Adagrad'. Expected one of: SGD, RMSprop, Adam, AdamW"),
        (tf_keras.optimizers.schedules, "CosineDecayRestarts", "Expected one of: CosineDecay, ExponentialDecay"),
        (tf_keras.losses, "Hinge", "loss identifier: 'Hinge'. Expected one of: SparseCategoricalCrossentropy"),
        (tf_keras.metrics, "F1Score", "metric identifier: 'F1Score'. Expected one of: Accuracy"),
        (
            tf_keras.initializers,
            "Orthogonal",
            "initializer identifier: 'Orthogonal'. Expected one of: Constant, GlorotUniform",
        ),
        (tf_keras.regularizers, "OrthogonalRegularizer", "regularizer identifier: .* Expected one of: L1, L2, L1L2"),
        (tf_keras.callbacks, "TensorBoard", "callback identifier: 'TensorBoard'. Expected one of: BackupAndRestore"),
        (tf_keras.utils, "plot_model", "Expected one of: set_random_seed, to_categorical"),
        (tf_keras.models, "clone_model", "Expected one of: Sequential, load_model"),
    ],
)
def test_an_unknown_name_is_rejected_with_the_known_ones(module: Any, name: str, message: str) -> None:
    with pytest.raises(AttributeError, match=message):
        getattr(module, name)
