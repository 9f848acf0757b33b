import re
from typing import Any

import numpy as np
import pytest

from tests.helpers.keras_models import LOSS, blobs, compiled_model
from tests.helpers.keras_runs import X, Y, one_layer
from training import TrainingError
from training.keras import Sequential
from training.keras.callbacks import EarlyStopping, LambdaCallback, ReduceLROnPlateau
from training.keras.layers import BatchNormalization, Dense, Dropout, Input, Layer
from training.keras.losses import SparseCategoricalCrossentropy
from training.keras.metrics import BinaryAccuracy, MeanAbsoluteError
from training.keras.optimizers import SGD
from training.keras.utils import set_random_seed


def test_three_blobs_are_learned(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = compiled_model()
    history = model.fit(x, y, epochs=30, verbose=0, validation_data=(x, y))
    assert history.epoch == list(range(30))
    losses = history.history["loss"]
    assert losses[-1] < losses[0] / 2
    final = [history.history["val_loss"][-1], history.history["val_accuracy"][-1]]
    np.testing.assert_allclose(np.asarray(model.evaluate(x, y)), final)
    assert model.evaluate(x, y, return_dict=True) == {"loss": final[0], "accuracy": final[1]}
    probabilities = model.predict(x)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(model.network().predict(x.astype(np.float32)), probabilities, atol=1e-6)


def test_the_same_seed_gives_bit_identical_weights(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    weights = []
    for seed in (1, 1, 2):
        set_random_seed(seed)
        model = compiled_model()
        model.fit(x, y, epochs=3, verbose=0)
        weights.append(model.stack.parameters.values)
    np.testing.assert_array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[0], weights[2])


def test_fit_continues_and_compile_resets_the_optimizer(rng: np.random.Generator) -> None:
    x, y = blobs(rng, 64)
    model = compiled_model()
    model.fit(x, y, epochs=2, verbose=0)
    assert model.optimizer.iterations == 4
    history = model.fit(x, y, epochs=3, initial_epoch=2, verbose=0)
    assert history.epoch == [2]
    assert model.optimizer.iterations == 6
    weights = model.stack.parameters.values.copy()
    model.compile("sgd", LOSS)
    assert model.optimizer.iterations == 0
    np.testing.assert_array_equal(model.stack.parameters.values, weights)


def test_summary_before_fit_does_not_change_training(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    results = []
    for look in (False, True):
        set_random_seed(3)
        model = Sequential([Input((4,)), Dense(8, "relu"), Dropout(0.5), Dense(3, "softmax")])
        model.compile("adam", LOSS)
        if look:
            model.summary(print_fn=lambda text: None)
        model.fit(x, y, epochs=2, verbose=0)
        results.append(model.stack.parameters.values)
    np.testing.assert_array_equal(results[0], results[1])


def test_assigned_optimizers_and_metrics_take_effect(rng: np.random.Generator) -> None:
    x, y = blobs(rng)
    model = compiled_model()
    with pytest.raises(AttributeError, match="before `compile"):
        _ = Sequential().optimizer
    assert Sequential().metrics == []
    model.metrics, model.optimizer = [], SGD(0.01)
    history = model.fit(x, y, epochs=1, verbose=0)
    assert [*history.history] == ["loss"]
    assert model.optimizer.iterations == 10
    model.metrics = [MeanAbsoluteError()]
    stopping = EarlyStopping("mean_absolute_error")
    stopping.set_model(model)
    assert stopping.direction == "min"
    model.metrics, model.optimizer = [], SGD(1e-30)
    before = model.get_weights()
    model.fit(x, y, epochs=1, verbose=0)
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_subclass_may_override_add() -> None:
    class Counted(Sequential):
        def add(self, layer: Layer) -> None:
            self.count = getattr(self, "count", 0) + 1
            super().add(layer)

    assert Counted([Dense(2), Dense(1)]).count == 2


def test_metrics_of_one_name_get_numbers(rng: np.random.Generator) -> None:
    x = rng.normal(size=(50, 2))
    y = x[:, 0] > 0
    model = Sequential([Dense(1, "sigmoid", input_shape=(2,))])
    accuracies = [BinaryAccuracy(threshold=threshold) for threshold in (0.1, 0.9)]
    model.compile("sgd", "binary_crossentropy", [*accuracies, "mae", "mae"])
    history = model.fit(x, y, epochs=1, verbose=0).history
    assert list(history) == ["binary_accuracy", "binary_accuracy_1", "loss", "mae", "mae_1"]
    p = model.predict(x).ravel()
    expected = [float(((p > threshold) == y).mean()) for threshold in (0.1, 0.9)]
    np.testing.assert_allclose(np.asarray(model.evaluate(x, y, verbose=0))[1:3], expected)


def test_arguments_that_do_not_change_the_result_are_accepted() -> None:
    model = Sequential([Dense(4, input_shape=(2,)), BatchNormalization(axis=-1), Dense(2, "softmax")])
    model.compile("sgd", SparseCategoricalCrossentropy(axis=-1), run_eagerly=True, jit_compile=False)
    with pytest.raises(TrainingError, match=r"`axis`. Expected -1, the last axis. Received: axis=0"):
        BatchNormalization(axis=0)
    with pytest.raises(TrainingError, match=r"`metrics` must be a list, such as \['accuracy'\]"):
        model.compile("sgd", LOSS, metrics="accuracy")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 2.5}, "`epochs`. Expected an integer of at least 0"),
        ({"epochs": -1}, "`epochs`. Expected an integer of at least 0"),
        ({"initial_epoch": -1}, "`initial_epoch`. Expected an integer of at least 0"),
        ({"class_weight": [1, 2]}, "`class_weight`. Expected a dict of a weight for each class index"),
        ({"class_weight": {"a": 1}}, "`class_weight`. Expected an integer of at least 0. Received: class_weight='a'"),
        ({"class_weight": {0: -1.0}}, "`class_weight`. Expected a number in the range"),
        ({"class_weight": {0: np.nan}}, "`class_weight`. Expected a number in the range"),
    ],
)
def test_arguments_of_fit_are_checked_before_the_first_epoch(options: dict[str, Any], message: str) -> None:
    epochs = list[int]()
    model = one_layer()
    seen = LambdaCallback(on_epoch_begin=lambda epoch, logs: epochs.append(epoch))
    with pytest.raises(TrainingError, match=re.escape(message)):
        model.fit(X, Y, verbose=0, callbacks=[seen], **options)
    assert epochs == []


@pytest.mark.parametrize("make", [EarlyStopping, ReduceLROnPlateau])
@pytest.mark.parametrize("patience", [-1, "3", 1.5])
def test_patience_is_a_number_of_epochs(make: Any, patience: Any) -> None:
    with pytest.raises(TrainingError, match="Expected an integer of at least 0"):
        make(patience=patience)
