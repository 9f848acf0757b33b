import numpy as np
import pytest

from tests.helpers.keras_models import blobs, compiled_model
from training.keras import Sequential
from training.keras.layers import Dense
from training.keras.losses import SparseCategoricalCrossentropy


def test_the_loss_is_that_of_the_probabilities(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = compiled_model()
    model.fit(x, y, verbose=0)
    right = model.predict(x)[np.arange(len(y)), y]
    loss, accuracy = np.asarray(model.evaluate(x, y))
    assert loss == pytest.approx(-np.log(right).mean(), rel=1e-4)
    assert accuracy == np.mean(model.predict(x).argmax(axis=1) == y)


def test_evaluate_prints_its_logs_unless_verbose_is_0(
    rng: np.random.Generator, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = blobs(rng)
    model = compiled_model()
    model.fit(x, y, verbose=0)
    loss, accuracy = np.asarray(model.evaluate(x, y, batch_size=32))
    assert capsys.readouterr().out == f"accuracy: {accuracy:.4f} - loss: {loss:.4f}\n"
    model.evaluate(x, y, verbose=0)
    model.predict(x, batch_size=8, verbose=1)
    assert capsys.readouterr().out == ""


def test_without_metrics_evaluate_gives_the_loss_alone(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = Sequential([Dense(3)])
    model.compile("sgd", SparseCategoricalCrossentropy(from_logits=True))
    assert isinstance(model.evaluate(x, y), float)
