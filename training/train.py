"""One training run: load, fit, calibrate, evaluate on rows that were not learned from."""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Model
from training.calibration import scale_outputs, temperature
from training.config import Config
from training.data import DataSet, Part
from training.errors import TrainingError
from training.keras import Sequential
from training.keras.callbacks import Callback, EarlyStopping, History
from training.keras.layers import Dense, Dropout, Layer
from training.keras.losses import Huber, SparseCategoricalCrossentropy
from training.keras.optimizers import OPTIMIZERS
from training.keras.schedules import CosineDecay
from training.keras.utils import set_random_seed

LEAST_BATCH, MOST_BATCH = 32, 256
STEPS = 6000  # of a run whose epochs are not given
LEAST_EPOCHS, MOST_EPOCHS = 10, 200
WARM_UP = 0.05  # of the steps


@dataclass(frozen=True)
class Trained:
    """A trained model, and how it came about."""

    model: Model
    history: History
    temperature: float | None


def fit(config: Config, data: DataSet, callbacks: list[Callback], verbose: str | int = "auto") -> Trained:
    """Train a network on the training part; the validation part chooses the epoch and calibrates."""
    set_random_seed(config.seed)
    rows = len(data.train)
    batch_size = config.batch_size or min(max(LEAST_BATCH, 2 ** round(np.log2(rows / 100 + 1))), MOST_BATCH)
    steps = ceil(rows / batch_size)
    epochs = config.epochs or min(max(LEAST_EPOCHS, ceil(STEPS / steps)), MOST_EPOCHS)
    model = build(config, data.features.width, len(data.targets.labels))
    scale = _Standard.of(data)
    model.compile(_optimizer(config, steps * epochs), _loss(config, data), _metrics(data))
    validation = None
    if len(data.validation):
        validation = (data.validation, scale.standardise(data.validation.y))
        if config.patience:
            stopping = EarlyStopping(patience=config.patience, restore_best_weights=True)
            callbacks = [stopping, *callbacks]
    history = model.fit(
        data.train,
        scale.standardise(data.train.y),
        batch_size=batch_size,
        epochs=epochs,
        validation_data=validation,
        callbacks=callbacks,
        verbose=verbose,
    )
    return _finished(config, data, model, history, scale)


def build(config: Config, inputs: int, classes: int) -> Sequential:
    """Return the network: hidden layers with dropout, then one output a class, or one value."""
    layers: list[Layer] = []
    for units in config.layers:
        layers += [Dense(units, activation=config.activation)]
        layers += [Dropout(config.dropout)] if config.dropout else []
    layers += [Dense(classes, activation="softmax") if classes else Dense(1)]
    model = Sequential(layers)
    model.build((None, inputs))
    return model


def _optimizer(config: Config, steps: int) -> Any:
    rate: Any = config.learning_rate
    if config.schedule == "cosine":
        warm_up = round(WARM_UP * steps)
        rate = CosineDecay(0.0, max(steps - warm_up, 1), warmup_target=rate, warmup_steps=warm_up)
    options = {"weight_decay": config.weight_decay} if config.optimizer == "adamw" else {}
    return OPTIMIZERS[config.optimizer](rate, **options)


def _loss(config: Config, data: DataSet) -> Any:
    if data.targets.task == "regression":
        return Huber()
    return SparseCategoricalCrossentropy(label_smoothing=config.label_smoothing)


def _metrics(data: DataSet) -> list[str]:
    return ["accuracy"] if data.targets.task == "classification" else ["mae"]


@dataclass(frozen=True)
class _Standard:
    """The scale on which a regression is learned: the training part's mean and deviation. Classes have none."""

    mean: float = 0.0
    deviation: float = 1.0
    values: bool = False

    @classmethod
    def of(cls, data: DataSet) -> "_Standard":
        if data.targets.task == "classification":
            return cls()
        y = data.train.y.astype(np.float64)
        return cls(float(y.mean()), float(y.std()), values=True)

    def standardise(self, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return ((y - self.mean) / self.deviation).astype(np.float32) if self.values else y


def _finished(config: Config, data: DataSet, model: Sequential, history: History, scale: _Standard) -> Trained:
    """Fold what was learned into one model that answers in the units of the data."""
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise TrainingError("the training diverged: its weights are no numbers; try a smaller --learning-rate")
    if scale.values:
        regression = model.regression(data.features)
        return Trained(scale_outputs(regression, scale.deviation, scale.mean), history, None)
    classifier = model.classifier(data.features, data.targets.labels)
    if not (config.calibrate and len(data.validation)):
        return Trained(classifier, history, None)
    degrees = temperature(_logits(classifier, data.validation), data.validation.y)
    return Trained(scale_outputs(classifier, 1 / degrees), history, degrees)


def _logits(model: Model, part: Part) -> npt.NDArray[np.float64]:
    return np.concatenate([model.logits(codes).astype(np.float64) for codes, _ in part.chunks()])
