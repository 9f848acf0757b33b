"""Saved models, and files that are not saved models."""

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import TrainingError
from training.keras import Input, Sequential, models, regularizers
from training.keras.layers import Activation, BatchNormalization, Dense, Dropout, Flatten, Normalization, Rescaling
from training.keras.losses import LOSSES, Huber, SparseCategoricalCrossentropy
from training.keras.metrics import AUC, BinaryAccuracy, MeanSquaredError
from training.keras.optimizers import OPTIMIZERS, SGD, Adam, AdamW, Optimizer, RMSprop
from training.keras.optimizers.schedules import CosineDecay
from training.keras.saving.model_file import serialize

LOSS = "sparse_categorical_crossentropy"

X, Y = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32), np.arange(200) % 3


def _trained(optimizer: Any = "adam") -> Sequential:
    normal = Normalization()
    normal.adapt(X)
    layers = [
        Input((4,)),
        normal,
        Rescaling(2.0, offset=0.5),
        Dense(6, kernel_regularizer=regularizers.l2(0.01), kernel_initializer="he_normal"),
        BatchNormalization(momentum=0.9),
        Activation("elu"),
        Dropout(0.3),
        Flatten(),
        Dense(3, "softmax", use_bias=False, name="last"),
    ]
    model = Sequential(layers)
    model.compile(optimizer, LOSS, ["accuracy"])
    model.fit(X, Y, epochs=2, verbose=0)
    return model


@pytest.mark.parametrize(
    "optimizer",
    ["adam", SGD(0.1, momentum=0.9, clipnorm=1.0), AdamW(CosineDecay(0.0, 90, warmup_target=0.01, warmup_steps=5))],
)
def test_a_loaded_model_continues_bit_identically(optimizer: Any, tmp_path: Path) -> None:
    model = _trained(optimizer)
    model.save(tmp_path / "model.npz")
    loaded = models.load_model(tmp_path / "model.npz")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert loaded.evaluate(X, Y) == model.evaluate(X, Y)
    assert loaded.layers[-1].name == "last"
    assert type(loaded.optimizer) is type(model.optimizer)
    for trained in (model, loaded):
        trained.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(loaded.stack.parameters.values, model.stack.parameters.values)


def test_losses_and_metrics_are_saved(tmp_path: Path) -> None:
    model = Sequential([Dense(1)])
    model.build((None, 4))
    model.save(tmp_path / "bare.npz")
    assert not models.load_model(tmp_path / "bare.npz").compiled
    model.compile("sgd", Huber(0.3, name="own"), ["mae", AUC(num_thresholds=50), BinaryAccuracy(threshold=0.3)])
    model.save(tmp_path / "model.npz")
    loaded = models.load_model(tmp_path / "model.npz")
    assert isinstance(loaded.loss, Huber)
    assert (loaded.loss.delta, loaded.loss.name) == (0.3, "own")
    assert loaded.metrics[0] == "mae"
    assert loaded.metrics[1].num_thresholds == 50
    assert loaded.metrics[2].threshold == 0.3


NON_DEFAULT_OPTIMIZERS = [
    SGD(0.2, momentum=0.5, nesterov=True, clipvalue=0.5),
    RMSprop(0.02, rho=0.8, momentum=0.1, epsilon=1e-5, global_clipnorm=2.0),
    Adam(0.03, beta_1=0.8, beta_2=0.95, epsilon=1e-4, clipnorm=1.5),
    AdamW(0.04, 0.1, 0.7, 0.9, 1e-3, exclude_from_weight_decay=["bias"], clipnorm=1.5),
]


@pytest.mark.parametrize("optimizer", NON_DEFAULT_OPTIMIZERS, ids=lambda optimizer: type(optimizer).__name__)
def test_every_argument_of_an_optimizer_is_saved(optimizer: Optimizer, tmp_path: Path) -> None:
    assert {type(optimizer) for optimizer in NON_DEFAULT_OPTIMIZERS} == set(OPTIMIZERS.values())
    description = serialize(optimizer)
    default = serialize(OPTIMIZERS[type(optimizer).__name__.lower()]())
    assert all(value != default["arguments"].get(name) for name, value in description["arguments"].items())
    model = _trained(optimizer)
    model.save(tmp_path / "model.npz")
    assert serialize(models.load_model(tmp_path / "model.npz").optimizer) == description


def test_exclusions_from_weight_decay_are_saved(tmp_path: Path) -> None:
    optimizer = AdamW()
    optimizer.exclude_from_weight_decay(["bias"])
    model = _trained(optimizer)
    model.save(tmp_path / "model.npz")
    loaded = models.load_model(tmp_path / "model.npz")
    for trained in (model, loaded):
        trained.fit(X, Y, epochs=2, verbose=0)
    np.testing.assert_array_equal(loaded.stack.parameters.values, model.stack.parameters.values)


def test_saved_weights_can_be_loaded_into_the_same_layers(tmp_path: Path) -> None:
    model = _trained()
    model.save_weights(tmp_path / "weights.npz")
    other = _trained()
    other.load_weights(tmp_path / "weights.npz")
    np.testing.assert_array_equal(other.predict(X), model.predict(X))
    small = Sequential([Dense(3)])
    small.build((None, 4))
    with pytest.raises(TrainingError, match=r"expected a list of 2 arrays\. Received: 7 arrays"):
        small.load_weights(tmp_path / "weights.npz")


def test_files_that_are_not_models_are_rejected(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="can't be read: No such file"):
        models.load_model(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(TrainingError, match="is damaged or was not written by npserve"):
        models.load_model(tmp_path / "text.npz")
    np.savez(tmp_path / "pickled.npz", state=np.array([None]))
    with pytest.raises(TrainingError, match="is damaged"):
        models.load_model(tmp_path / "pickled.npz")
    model = _trained()
    model.save_weights(tmp_path / "weights.npz")
    with pytest.raises(TrainingError, match="does not contain layers"):
        models.load_model(tmp_path / "weights.npz")
    model.save(tmp_path / "model.npz")
    whole = (tmp_path / "model.npz").read_bytes()
    for share in (0.1, 0.5, 0.99):
        (tmp_path / "model.npz").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(TrainingError, match=r"model\.npz is damaged"):
            models.load_model(tmp_path / "model.npz")
    with pytest.raises(TrainingError, match="can't be written: No such file"):
        model.save(tmp_path / "no/such/folder.npz")


def test_objects_of_other_classes_cannot_be_saved(tmp_path: Path) -> None:
    class Own(SparseCategoricalCrossentropy):
        pass

    model = Sequential([Dense(3, "softmax")])
    model.compile("adam", Own())
    model.build((None, 4))
    with pytest.raises(
        TrainingError, match=r"Cannot serialize .*: only objects of the classes in `training\.keras` can be saved"
    ):
        model.save(tmp_path / "model.npz")


@pytest.mark.parametrize("loss", [*LOSSES])
def test_every_loss_is_saved(loss: str, tmp_path: Path) -> None:
    model = Sequential([Dense(3, activation="softmax")])
    model.build((None, 4))
    model.compile("sgd", loss, [MeanSquaredError()])
    model.save(tmp_path / "model.npz")
    loaded = models.load_model(tmp_path / "model.npz")
    assert type(loaded.loss) is type(model.loss)
    assert type(loaded.metrics[0]) is MeanSquaredError


def test_a_file_of_keras_is_named_for_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "model.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    model = Sequential([Dense(2, input_shape=(3,))])
    for name, kind in (("model.h5", "an HDF5 file (.h5)"), ("model.keras", "a model file (.keras)")):
        for load in (models.load_model, model.load_weights):
            with pytest.raises(TrainingError, match=re.escape(f"{name} is {kind} of Keras, which npserve can't read")):
                load(tmp_path / name)
