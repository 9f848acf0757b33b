"""What callbacks are told, and what each of Keras's does."""

import csv
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from training import TrainingError
from training.keras import Sequential, models
from training.keras.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from training.keras.layers import Dense
from training.keras.optimizers import SGD
from training.keras.optimizers.schedules import ExponentialDecay

LOSS = "sparse_categorical_crossentropy"
X, Y = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 3


def _model(optimizer: Any = "sgd") -> Sequential:
    model = Sequential([Dense(3, activation="softmax")])
    model.compile(optimizer, LOSS, metrics=["accuracy"])
    return model


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


def test_they_are_told_of_everything() -> None:
    recorder, model = Recorder(), _model()
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


@pytest.mark.parametrize("kind", [EarlyStopping, ReduceLROnPlateau, lambda mode: ModelCheckpoint("m.npz", mode=mode)])
def test_modes_are_known(kind: Any) -> None:
    with pytest.raises(TrainingError, match="mode must be auto, min or max, got 'bogus'"):
        kind(mode="bogus")


def test_functions_as_hooks() -> None:
    seen: list[Any] = []
    told = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(epoch),
        on_train_batch_end=lambda batch, logs: seen.append(round(logs["loss"], 9)),
        on_train_end=lambda logs=None: seen.append("end"),
    )
    history = _model().fit(X, Y, batch_size=40, epochs=2, callbacks=[told], verbose=0)
    losses = [round(loss, 9) for loss in history.history["loss"]]
    assert seen == [0, losses[0], 1, losses[1], "end"]


class Everything(Callback):
    """Notes each hook that is called, and which figures it is told."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []
        for name in (name for name in dir(Callback) if name.startswith("on_")):
            setattr(self, name, lambda *arguments, name=name: self._note(name, *arguments))

    def _note(self, name: str, *arguments: Any) -> None:
        self.events.append((name.removeprefix("on_"), *arguments[:-1], sorted(arguments[-1])))


def test_every_hook_is_called() -> None:
    names, recorder, model = ["accuracy", "loss"], Everything(), _model()
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


def test_hooks_by_their_old_names() -> None:
    class Old(Callback):
        seen = 0

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.seen += 1

    old = Old()
    _model().fit(X, Y, batch_size=10, callbacks=old, verbose=0)
    assert old.seen == 4


def test_what_is_no_callback() -> None:
    with pytest.raises(TrainingError, match=r"objects of class Callback, got .*: did you mean EarlyStopping\("):
        _model().fit(X, Y, callbacks=[EarlyStopping], verbose=0)  # type: ignore[list-item]
    with pytest.raises(TrainingError, match="objects of class Callback, got 3"):
        _model().predict(X, callbacks=[3])  # type: ignore[list-item]
    with pytest.raises(TrainingError, match="such as on_epoch_end, got on_epoch"):
        LambdaCallback(on_epoch=print)


def test_a_callback_ends_the_epoch_early_and_the_run() -> None:
    class Stop(Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = True

    model = _model()
    history = model.fit(X, Y, epochs=5, batch_size=8, callbacks=[Stop()], verbose=0)
    assert history.epoch == [0]
    assert model.optimizer.iterations == 1


class Scripted(Callback):
    """Puts a figure of ours among those of each epoch."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["score"] = self.values[epoch]


@pytest.mark.parametrize(
    ("values", "options", "epochs", "best"),
    [
        ((3, 2, 2, 2, 1), {"patience": 2, "mode": "min"}, 4, 1),
        ((3, 2, 2.5, 1, 1.5, 1.5), {"patience": 2, "mode": "min"}, 6, 3),
        ((3, 2, 2, 2, 1), {"mode": "min"}, 3, 1),
        ((1, 2, 2.05, 2.05, 9), {"patience": 2, "min_delta": 0.1, "mode": "max"}, 4, 1),
        ((5, 4, 4, 1), {"patience": 1, "mode": "min", "baseline": 1}, 3, 1),
        ((5, 6, 7, 8, 9), {"patience": 1, "mode": "min", "start_from_epoch": 2}, 4, 2),
    ],
)
def test_early_stopping(values: tuple[float, ...], options: Any, epochs: int, best: int) -> None:
    weights: list[Any] = []
    keep = LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(stopping.model.get_weights()))
    stopping = EarlyStopping("score", restore_best_weights=True, **options)
    model = _model()
    history = model.fit(X, Y, epochs=len(values), callbacks=[Scripted(*values), keep, stopping], verbose=0)
    assert len(history.epoch) == epochs
    assert stopping.best_epoch == best
    np.testing.assert_array_equal(model.get_weights()[0], weights[best][0])


def test_early_stopping_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    stopping = EarlyStopping("score", mode="max", verbose=1, restore_best_weights=True)
    _model().fit(X, Y, epochs=9, callbacks=[Scripted(2, 3, 1), stopping], verbose=0)
    printed = capsys.readouterr().out
    assert "Epoch 3: early stopping" in printed
    assert "Restoring model weights from the end of the best epoch: 2." in printed


def test_a_figure_that_is_not_there() -> None:
    for callback in (
        EarlyStopping("val_loss"),
        ReduceLROnPlateau("val_loss"),
        ModelCheckpoint("x.npz", save_best_only=True),
    ):
        with pytest.warns(UserWarning, match="val_loss"):
            _model().fit(X, Y, callbacks=[callback], verbose=0)


def test_what_is_better_follows_from_the_metric() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stopping = EarlyStopping("val_accuracy", patience=9)
        _model().fit(X, Y, callbacks=[stopping], validation_data=(X, Y), verbose=0)
    assert stopping.direction == "max"


def test_reduce_on_plateau(capsys: pytest.CaptureFixture[str]) -> None:
    reduce = ReduceLROnPlateau("score", factor=0.5, patience=2, mode="min", min_lr=0.02, verbose=1)
    history = _model(SGD(0.1)).fit(X, Y, epochs=10, callbacks=[Scripted(*[1] * 10), reduce], verbose=0)
    expected = [0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.02, 0.02, 0.02]
    assert history.history["learning_rate"] == pytest.approx(expected)
    assert "Epoch 3: ReduceLROnPlateau reducing learning rate to 0.05." in capsys.readouterr().out
    with pytest.raises(TrainingError, match=r"factor >= 1\.0"):
        ReduceLROnPlateau(factor=1)
    with pytest.raises(TrainingError, match="its learning rate is not settable"):
        _model(SGD(ExponentialDecay(0.1, 1, 0.5))).fit(
            X,
            Y,
            epochs=9,
            callbacks=[Scripted(*[1] * 9), ReduceLROnPlateau("score", patience=1, mode="min")],
            verbose=0,
        )


def test_a_schedule_of_epochs() -> None:
    history = _model().fit(X, Y, epochs=3, callbacks=[LearningRateScheduler(lambda epoch, rate: rate / 2)], verbose=0)
    assert history.history["learning_rate"] == pytest.approx([0.005, 0.0025, 0.00125])
    assert list(history.history) == ["accuracy", "loss", "learning_rate"]
    history = _model().fit(X, Y, callbacks=LearningRateScheduler(lambda epoch: np.float32(0.5)), verbose=0)  # type: ignore[arg-type,return-value]
    assert history.history["learning_rate"] == [0.5]
    with pytest.raises(TrainingError, match=r"should be a float\. Got: None"):
        _model().fit(X, Y, callbacks=[LearningRateScheduler(lambda epoch, rate: None)], verbose=0)  # type: ignore[arg-type,return-value]


def test_terminate_on_nan(capsys: pytest.CaptureFixture[str]) -> None:
    model = _model(SGD(1e30))
    history = model.fit(X * 1e20, Y, epochs=5, batch_size=8, callbacks=[TerminateOnNaN()], verbose=0)
    assert re.search(r"Batch \d: Invalid loss, terminating training", capsys.readouterr().out)
    assert history.epoch == [0]


def test_csv_logger(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    _model().fit(X, Y, epochs=2, callbacks=[CSVLogger(path)], verbose=0)
    _model().fit(X, Y, epochs=1, callbacks=[CSVLogger(path, append=True)], verbose=0)
    with path.open() as file:
        lines = list(csv.DictReader(file))
    assert [line["epoch"] for line in lines] == ["0", "1", "0"]
    assert set(lines[0]) == {"epoch", "accuracy", "loss"}
    _model().fit(X, Y, callbacks=[CSVLogger(path, separator=";")], verbose=0)
    assert path.read_text().startswith("epoch;accuracy;loss\n")


def test_csv_logger_has_one_width(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    for epochs in (4, 1):
        logger = CSVLogger(path, append=epochs == 1)
        _model().fit(X, Y, epochs=epochs, validation_data=(X, Y), validation_freq=2, callbacks=logger, verbose=0)
    with path.open() as file:
        header, *lines = csv.reader(file)
    assert header == ["epoch", "accuracy", "loss", "val_accuracy", "val_loss"]
    assert [line[0] for line in lines] == ["0", "1", "2", "3", "0"]
    assert [line[3:] == ["NA", "NA"] for line in lines] == [True, False, True, False, True]
    with pytest.raises(TrainingError, match=r"log\.csv can't be written: No such file or directory"):
        _model().fit(X, Y, callbacks=CSVLogger(tmp_path / "no/log.csv"), verbose=0)


def test_checkpoints(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = ModelCheckpoint(tmp_path / "{epoch:02d}-{score:.1f}.npz")
    best = ModelCheckpoint(tmp_path / "best.npz", "score", save_best_only=True, mode="min", verbose=1)
    weights = ModelCheckpoint(tmp_path / "weights.npz", save_weights_only=True, save_freq=3)
    model = _model()
    model.fit(X, Y, epochs=3, batch_size=20, callbacks=[Scripted(2, 1, 3), every, best, weights], verbose=0)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["01-2.0.npz", "02-1.0.npz", "03-3.0.npz", "best.npz", "weights.npz"]
    second = models.load_model(tmp_path / "02-1.0.npz").get_weights()[0]
    np.testing.assert_array_equal(models.load_model(tmp_path / "best.npz").get_weights()[0], second)
    printed = capsys.readouterr().out
    assert "Epoch 2: score improved from 2.00000 to 1.00000, saving model to" in printed
    assert "Epoch 3: score did not improve from 1.00000" in printed
    with pytest.raises(TrainingError, match=r"models are saved as \.npz files, such as model.npz"):
        model.fit(X, Y, callbacks=[ModelCheckpoint(tmp_path / "model.h5")], verbose=0)
    with pytest.raises(TrainingError, match="Unrecognized save_freq"):
        ModelCheckpoint("x.npz", save_freq="week")


def test_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    _model().fit(X, Y, epochs=3, verbose=2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert re.fullmatch(r"Epoch 3/3 - \d+\.\ds - accuracy: 0\.\d{4} - loss: \d\.\d{4}", lines[2])
    _model().fit(X, Y, epochs=50)
    assert len(capsys.readouterr().out.splitlines()) < 10
    _model().fit(X, Y, epochs=3, verbose=0)
    assert capsys.readouterr().out == ""
