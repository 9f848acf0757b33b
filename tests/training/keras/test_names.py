from typing import Any

import pytest

from training import keras as tf_keras


def test_the_modules_of_keras_exist() -> None:
    for name in ("Sequential", "Input", "layers", "optimizers", "losses", "metrics", "callbacks", "utils", "models"):
        assert hasattr(tf_keras, name)
    with pytest.raises(
        AttributeError, match=r"module 'training\.keras\.layers' has no attribute 'Conv2D'\. Available: Activation"
    ):
        tf_keras.layers.Conv2D  # noqa: B018


@pytest.mark.parametrize(
    ("module", "name", "message"),
    [
        (tf_keras, "Model", "module 'training.keras' has no attribute 'Model'. Available: Input, Sequential"),
        (
            tf_keras.layers,
            "Conv2D",
            "has no attribute 'Conv2D'. Available: Activation, BatchNormalization, Dense",
        ),
        (tf_keras.optimizers, "Adagrad", "has no attribute 'Adagrad'. Available: SGD, RMSprop, Adam, AdamW"),
        (tf_keras.optimizers.schedules, "CosineDecayRestarts", "Available: CosineDecay, ExponentialDecay"),
        (tf_keras.losses, "Hinge", "has no attribute 'Hinge'. Available: SparseCategoricalCrossentropy"),
        (tf_keras.metrics, "F1Score", "has no attribute 'F1Score'. Available: Accuracy"),
        (
            tf_keras.initializers,
            "Orthogonal",
            "has no attribute 'Orthogonal'. Available: Constant, GlorotUniform",
        ),
        (tf_keras.regularizers, "OrthogonalRegularizer", "has no attribute .* Available: L1, L2, L1L2"),
        (tf_keras.callbacks, "TensorBoard", "has no attribute 'TensorBoard'. Available: BackupAndRestore"),
        (tf_keras.utils, "plot_model", "Available: PyDataset, Sequence, set_random_seed, to_categorical"),
        (tf_keras.models, "clone_model", "Available: Sequential, load_model"),
    ],
)
def test_the_error_for_an_unknown_name_lists_the_available_names(module: Any, name: str, message: str) -> None:
    with pytest.raises(AttributeError, match=message):
        getattr(module, name)
