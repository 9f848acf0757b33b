"""The Keras snippet of the article runs unchanged, except for its import."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from store import read_version
from training.keras import Sequential
from training.keras.utils import set_random_seed

SNIPPET = """
import training as tf

model = tf.keras.Sequential([
    tf.keras.layers.Dense(64, activation='relu', input_shape=(784,)),
    tf.keras.layers.Dropout(0.2),
    tf.keras.layers.Dense(10, activation='softmax')
])

model.compile(optimizer='adam',
              loss='sparse_categorical_crossentropy',
              metrics=['accuracy'])

model.fit(X_train, y_train, epochs=10, batch_size=32,
          validation_data=(X_test, y_test))
"""


def _run(**data: Any) -> Sequential:
    set_random_seed(0)
    exec(SNIPPET, data)
    model = data["model"]
    assert isinstance(model, Sequential)
    return model


def test_the_snippet_trains_and_is_published(
    rng: np.random.Generator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    centres = rng.normal(size=(10, 784))
    y = rng.integers(0, 10, 1500)
    x = centres[y] + rng.normal(size=(1500, 784))
    model = _run(X_train=x[:1000], y_train=y[:1000], X_test=x[1000:], y_test=y[1000:])
    assert model.history is not None
    assert list(model.history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    assert model.history.history["val_accuracy"][-1] > 0.99
    assert "Epoch 10/10 - " in capsys.readouterr().out
    assert model.publish("blobs", x[1000:], y[1000:], models=tmp_path) == 1
    version = read_version(tmp_path, "blobs", 1)
    np.testing.assert_allclose(
        version.artifact.model.predict(x[1000:].astype(np.float32)), model.predict(x[1000:]), atol=1e-6
    )


@pytest.mark.slow
def test_the_snippet_reaches_97_percent_on_mnist(data_folder: Path) -> None:
    with np.load(data_folder / "mnist.npz") as mnist:
        x = {part: mnist[f"x_{part}"].reshape(-1, 784) / 255 for part in ("train", "test")}
        model = _run(X_train=x["train"], y_train=mnist["y_train"], X_test=x["test"], y_test=mnist["y_test"])
    assert model.history is not None
    assert model.history.history["val_accuracy"][-1] >= 0.97
