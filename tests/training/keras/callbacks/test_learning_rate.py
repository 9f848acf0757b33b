import numpy as np
import pytest

from tests.helpers.keras_runs import Scripted, X, Y, one_layer
from training import TrainingError
from training.keras.callbacks import (
    LearningRateScheduler,
    ReduceLROnPlateau,
)
from training.keras.optimizers import SGD
from training.keras.optimizers.schedules import ExponentialDecay


def test_reduce_on_plateau(capsys: pytest.CaptureFixture[str]) -> None:
    reduce = ReduceLROnPlateau("score", factor=0.5, patience=2, mode="min", min_lr=0.02, verbose=1)
    history = one_layer(SGD(0.1)).fit(X, Y, epochs=10, callbacks=[Scripted(*[1] * 10), reduce], verbose=0)
    expected = [0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.02, 0.02, 0.02]
    assert history.history["learning_rate"] == pytest.approx(expected)
    assert "Epoch 3: ReduceLROnPlateau reducing learning rate to 0.05." in capsys.readouterr().out
    with pytest.raises(TrainingError, match=r"factor >= 1\.0"):
        ReduceLROnPlateau(factor=1)
    with pytest.raises(TrainingError, match="its learning rate is not settable"):
        one_layer(SGD(ExponentialDecay(0.1, 1, 0.5))).fit(
            X,
            Y,
            epochs=9,
            callbacks=[Scripted(*[1] * 9), ReduceLROnPlateau("score", patience=1, mode="min")],
            verbose=0,
        )


def test_learning_rate_scheduler() -> None:
    halving = LearningRateScheduler(lambda epoch, rate: rate / 2)
    history = one_layer().fit(X, Y, epochs=3, callbacks=[halving], verbose=0)
    assert history.history["learning_rate"] == pytest.approx([0.005, 0.0025, 0.00125])
    assert list(history.history) == ["accuracy", "loss", "learning_rate"]
    history = one_layer().fit(X, Y, callbacks=LearningRateScheduler(lambda epoch: np.float32(0.5)), verbose=0)  # type: ignore[arg-type,return-value]
    assert history.history["learning_rate"] == [0.5]
    with pytest.raises(TrainingError, match=r"should be a float\. Got: None"):
        one_layer().fit(X, Y, callbacks=[LearningRateScheduler(lambda epoch, rate: None)], verbose=0)  # type: ignore[arg-type,return-value]
