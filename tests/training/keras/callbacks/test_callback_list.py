from typing import Any

import pytest

from tests.helpers.keras_runs import X, Y, one_layer
from training import TrainingError
from training.keras.callbacks import (
    Callback,
    EarlyStopping,
    LambdaCallback,
    ReduceLROnPlateau,
)


class Recorder(Callback):
    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_train_begin(self, logs: Any = None) -> None:
        self.events.append("begin")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.events.append(epoch)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.events.append((batch, sorted(logs)))

    def on_test_end(self, logs: Any = None) -> None:
        self.events.append("tested")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.events.append(sorted(logs))

    def on_train_end(self, logs: Any = None) -> None:
        self.events.append("end")


def test_hooks_are_called_in_order() -> None:
    recorder, model = Recorder(), one_layer()
    model.fit(X, Y, callbacks=[recorder], verbose=0, batch_size=32, validation_data=(X, Y))
    names = ["accuracy", "loss"]
    assert recorder.events == [
        "begin",
        0,
        (0, names),
        (1, names),
        "tested",
        ["accuracy", "loss", "val_accuracy", "val_loss"],
        "end",
    ]
    assert recorder.model is model
    assert recorder.params == {"verbose": 0, "epochs": 1, "steps": 2, "do_validation": True}


def test_lambda_callback_calls_the_given_functions() -> None:
    seen: list[Any] = []
    recorder = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(epoch),
        on_train_batch_end=lambda batch, logs: seen.append(round(logs["loss"], 9)),
        on_train_end=lambda logs=None: seen.append("end"),
    )
    history = one_layer().fit(X, Y, batch_size=40, epochs=2, callbacks=[recorder], verbose=0)
    losses = [round(loss, 9) for loss in history.history["loss"]]
    assert seen == [0, losses[0], 1, losses[1], "end"]


class Everything(Callback):
    """Records every hook that is called, with the names in its logs."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        for name in (name for name in dir(Callback) if name.startswith("on_")):
            setattr(self, name, lambda *arguments, name=name: self._note(name, *arguments))

    def _note(self, name: str, *arguments: Any) -> None:
        self.events.append((name.removeprefix("on_"), *arguments[:-1], sorted(arguments[-1])))


def test_every_hook_is_called() -> None:
    names, recorder, model = ["accuracy", "loss"], Everything(), one_layer()
    tested = [("test_begin", []), ("test_batch_begin", 0, []), ("test_batch_end", 0, names), ("test_end", names)]
    all_names = [*names, "val_accuracy", "val_loss"]
    model.fit(X, Y, batch_size=40, validation_data=(X, Y), callbacks=recorder, verbose=0)
    assert recorder.events == [
        ("train_begin", []),
        ("epoch_begin", 0, []),
        ("train_batch_begin", 0, []),
        ("train_batch_end", 0, names),
        *tested,
        ("epoch_end", 0, all_names),
        ("train_end", all_names),
    ]
    recorder.events.clear()
    model.evaluate(X, Y, callbacks=recorder, verbose=0)
    assert recorder.events == tested
    recorder.events.clear()
    model.predict(X, callbacks=[recorder])
    assert recorder.events == [
        ("predict_begin", []),
        ("predict_batch_begin", 0, []),
        ("predict_batch_end", 0, ["outputs"]),
        ("predict_end", []),
    ]


def test_hooks_with_their_backwards_compatible_names() -> None:
    class Old(Callback):
        seen = 0

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen += 1

    old = Old()
    one_layer().fit(X, Y, batch_size=10, callbacks=old, verbose=0)
    assert old.seen == 4


def test_objects_that_are_not_callbacks_are_rejected() -> None:
    with pytest.raises(TrainingError, match=r"Expected `Callback` instances\. .* Did you mean EarlyStopping\("):
        one_layer().fit(X, Y, callbacks=[EarlyStopping], verbose=0)  # type: ignore[list-item]
    with pytest.raises(TrainingError, match=r"Expected `Callback` instances\. Received: 3"):
        one_layer().predict(X, callbacks=[3])  # type: ignore[list-item]
    with pytest.raises(TrainingError, match=r"such as on_epoch_end\. Received: on_epoch"):
        LambdaCallback(on_epoch=print)


def test_stop_training_ends_the_epoch_and_the_run() -> None:
    class Stop(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    model = one_layer()
    history = model.fit(X, Y, epochs=5, batch_size=8, callbacks=[Stop()], verbose=0)
    assert history.epoch == [0]
    assert model.optimizer.iterations == 1


def test_a_callback_composed_of_others() -> None:
    """As documented by Keras: `set_model` and `set_params` are called before the hooks."""

    class Both(Callback):
        def __init__(self) -> None:
            self.stopping = EarlyStopping("loss", patience=1, min_delta=100)
            self.plateau = ReduceLROnPlateau("loss", patience=1, min_delta=100, factor=0.5)
            self.parts = [self.stopping, self.plateau]

        def on_train_begin(self, logs: Any = None) -> None:
            for part in self.parts:
                part.set_model(self.model)
                part.set_params(self.params)
                part.on_train_begin(logs)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            for part in self.parts:
                part.on_epoch_end(epoch, logs)

    model, both = one_layer(), Both()
    rate = model.optimizer.learning_rate
    history = model.fit(X, Y, epochs=9, verbose=0, callbacks=both)
    assert len(history.epoch) == 2
    assert both.stopping.stopped_epoch == 1
    assert model.optimizer.learning_rate == rate / 2


def test_a_hook_assigned_during_the_run_is_called() -> None:
    class Late(Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.epochs: list[int] = []
            self.on_epoch_end = lambda epoch, logs=None: self.epochs.append(epoch)  # type: ignore[method-assign]

    late = Late()
    one_layer().fit(X, Y, epochs=2, verbose=0, callbacks=late)
    assert late.epochs == [0, 1]
