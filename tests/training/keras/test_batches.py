"""Generators and `Sequence`: batches that are made while the model trains."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from training import TrainingError
from training.keras import Sequential, utils
from training.keras.callbacks import LambdaCallback
from training.keras.layers import Dense

X, Y = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32), np.arange(40) % 3


def _model() -> Sequential:
    utils.set_random_seed(0)
    model = Sequential([Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _batches(count: int = 4) -> Iterator[tuple[Any, Any]]:
    for start in range(0, 10 * count, 10):
        yield X[start % 40 : start % 40 + 10], Y[start % 40 : start % 40 + 10]


class Batches(utils.Sequence):
    """Four batches of ten rows; counts the ends of epochs."""

    def __init__(self) -> None:
        super().__init__(workers=2)
        self.epochs, self.read = 0, list[int]()

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        self.read.append(index)
        return X[10 * index : 10 * index + 10], Y[10 * index : 10 * index + 10]

    def on_epoch_end(self) -> None:
        self.epochs += 1


def test_batches_give_the_same_model_as_arrays() -> None:
    expected = _model()
    expected.fit(X, Y, batch_size=10, epochs=3, shuffle=False, verbose=0)
    sequence = Batches()
    for x, options in ((_batches(12), {"steps_per_epoch": 4}), (sequence, {"shuffle": False})):
        model = _model()
        history = model.fit(x, epochs=3, verbose=0, **options)
        assert len(history.history["loss"]) == 3
        for own, other in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(own, other)
    assert sequence.epochs == 3


def test_a_sequence_is_shuffled_by_default_and_read_whole_in_every_epoch() -> None:
    sequence = Batches()
    _model().fit(sequence, epochs=5, verbose=0)
    epochs = [sequence.read[1:][start : start + 4] for start in range(0, 20, 4)]  # after the first look at batch 0
    assert all(sorted(epoch) == [0, 1, 2, 3] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_batches_for_validation_and_evaluation() -> None:
    model = _model()
    history = model.fit(X, Y, epochs=2, verbose=0, validation_data=Batches()).history
    assert history["val_loss"][-1] == pytest.approx(model.evaluate(X, Y, verbose=0, return_dict=True)["loss"])  # type: ignore[call-overload, index]
    assert model.evaluate(Batches(), verbose=0) == model.evaluate(X, Y, verbose=0)
    assert model.evaluate(_batches(8), steps=4, verbose=0) == model.evaluate(X, Y, verbose=0)


def test_a_generator_without_steps_is_one_epoch_and_its_end_stops_training() -> None:
    model, batches = _model(), list[int]()
    count = LambdaCallback(on_train_batch_end=lambda batch, logs: batches.append(batch))
    history = model.fit(_batches(3), verbose=0, callbacks=[count])
    assert (history.epoch, batches) == ([0], [0, 1, 2])
    with pytest.warns(UserWarning, match="ran out of data; interrupting training"):
        history = _model().fit(_batches(6), epochs=5, steps_per_epoch=4, verbose=0)
    assert history.epoch == [0, 1]


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (_batches(0), {}, "`x` is empty: the generator has no batches"),
        (iter([None]), {}, "batch 0 of the generator must be a tuple"),
        (Batches(), {"validation_data": _batches(), "validation_steps": 0}, "validation_steps"),
        (iter([X]), {}, r"batch 0 of the generator must be a tuple \(x, y\) .* Received: ndarray"),
        (_batches(), {"y": Y}, "`y` must not be passed with a generator, whose batches contain it"),
        (Batches(), {"sample_weight": Y}, "`sample_weight` must not be passed with a Sequence"),
        (_batches(), {"validation_split": 0.2}, "`validation_split` is only supported for arrays"),
        (iter([(X, Y), (X[:, :3], Y)]), {}, r"batch 1 of the generator: Expected `x` of shape \(n, 4\)"),
        (_batches(), {"steps_per_epoch": 0}, "steps_per_epoch"),
        (utils.PyDataset(), {}, "must define __len__"),
    ],
)
def test_wrong_batches_are_refused(x: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises((TrainingError, NotImplementedError), match=message):
        _model().fit(x, **options)


def test_no_batch_is_read_that_is_not_used() -> None:
    batches, model = _batches(20), _model()
    for _ in range(2):
        assert model.fit(batches, steps_per_epoch=5, epochs=2, verbose=0).epoch == [0, 1]
    assert next(batches, None) is None
    left = _batches(8)
    _model().evaluate(left, steps=3, verbose=0)
    assert len(list(left)) == 5


def test_fewer_steps_go_on_with_the_next_batches_of_a_sequence() -> None:
    sequence = Batches()
    _model().fit(sequence, epochs=4, steps_per_epoch=3, shuffle=False, verbose=0)
    assert sequence.read[1:] == [0, 1, 2, 3, 0, 1, 2, 3]
    assert sequence.epochs == 4


def test_the_end_of_an_epoch_is_told_when_a_callback_stops_training() -> None:
    sequence, model = Batches(), _model()
    stop = LambdaCallback(on_train_batch_end=lambda batch, logs: setattr(model, "stop_training", batch == 3))
    model.fit(sequence, epochs=3, verbose=0, callbacks=[stop])
    assert sequence.epochs == 1


@pytest.mark.parametrize("batches", [Batches(), _batches()])
def test_only_fit_and_evaluate_take_batches(batches: Any) -> None:
    model = _model()
    model.fit(X, Y, verbose=0)
    for call in (model.predict, lambda x: model.publish("name", x), lambda x: model.train_on_batch(x, Y)):
        with pytest.raises(TrainingError, match="must be an array: only `fit` and `evaluate` take a generator"):
            call(batches)
