from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store import read_version
from tests.helpers.keras_models import LOSS, blobs, built_model
from training import TrainingError
from training import keras as tf_keras
from training.keras import Sequential
from training.keras.layers import Dense
from training.keras.losses import SparseCategoricalCrossentropy


def test_logits_are_published_as_softmax(rng: np.random.Generator, tmp_path: Path) -> None:
    x, y = blobs(rng)
    model = Sequential([Dense(3)])
    model.compile("adam", SparseCategoricalCrossentropy(from_logits=True), ["acc"])
    model.fit(x, y, verbose=0)
    assert model.publish("blobs", x, y, models=tmp_path) == 1
    sigmoid = Sequential([Dense(3, "sigmoid")])
    sigmoid.compile("adam", LOSS)
    sigmoid.fit(x, y, verbose=0)
    with pytest.raises(TrainingError, match="can't be published: the last activation of a classifier must be softmax"):
        sigmoid.publish("blobs", x, y, models=tmp_path)


def test_binary_and_regression_models_are_published(rng: np.random.Generator, tmp_path: Path) -> None:
    x = rng.normal(size=(400, 4))
    value = x @ [1.0, -2, 0.5, 0]
    binary = Sequential([Dense(8, "relu"), Dense(1, "sigmoid")])
    binary.compile("adam", "binary_crossentropy", ["accuracy", "AUC"])
    history = binary.fit(x, value > 0, epochs=60, verbose=0).history
    assert history["accuracy"][-1] > 0.9
    assert history["AUC"][-1] > 0.95
    assert binary.publish("sign", x, value > 0, models=tmp_path, labels=["minus", "plus"]) == 1
    plus = binary.network().predict(x.astype(np.float32))[:, 1]
    np.testing.assert_allclose(plus, binary.predict(x)[:, 0], atol=1e-6)
    linear = Sequential([Dense(1)])
    linear.compile(tf_keras.optimizers.Adam(0.05), "mse", ["mae"])
    linear.fit(x, value, epochs=40, verbose=0)
    assert linear.publish("value", x, value, models=tmp_path) == 1
    published = read_version(tmp_path, "value", 1)
    assert published.artifact.model.task == "regression"
    assert published.metrics["given"]["r2"] > 0.99


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"labels": [1.5, None, 2]}, r"labels\[1\] must be a string, a finite number or a boolean"),
        ({"labels": [[1], [2], [3]]}, r"labels\[0\] must be a string"),
        ({"labels": [0, 1, float("nan")]}, r"labels\[2\] must be a string"),
        ({"labels": [b"a", b"b", b"c"]}, r"labels\[0\] must be a string"),
        ({"labels": np.array([[1], [2], [3]])}, r"labels\[0\] must be a string"),
        ({"labels": "abc"}, "labels must be a list of 3 names, one per output, got str"),
        ({"labels": 5}, "labels must be a list of 3 names, one per output, got int"),
        ({"labels": ["a", "b"]}, "got 2 labels for a model with 3 outputs"),
        ({"x": [[1, 2, 3, 4], [1]]}, "x is ragged: its rows have different lengths"),
        ({"x": np.zeros((0, 4))}, r"x must have the shape \(n, 4\) with at least one row, got \(0, 4\)"),
        ({"x": 5}, r"with at least one row, got \(\)"),
        ({"x": [["a"] * 4]}, "x must contain numbers, got <U1"),
        ({"y": ["a", "b"]}, "y must contain 2 class indices, got <U1"),
    ],
)
def test_invalid_arguments_of_publish_are_rejected(arguments: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=message):
        built_model().publish("m", **{"x": np.zeros((2, 4)), "y": [0, 1], "models": tmp_path, **arguments})


@pytest.mark.parametrize(
    ("weight", "message"),
    [(np.nan, "weights must be finite, but one is NaN or infinite"), (3e38, "its outputs for x are NaN or infinite")],
)
def test_a_diverged_model_is_not_published(weight: float, message: str, tmp_path: Path) -> None:
    model = built_model()
    model.set_weights([np.full((4, 3), weight), np.zeros(3)])
    with pytest.raises(TrainingError, match=message):
        model.publish("m", np.ones((2, 4)), models=tmp_path)
    assert not list(tmp_path.iterdir())
