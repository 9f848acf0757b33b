"""From a data set to a trained model: the network, its schedule, what may end a run, the temperature."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Model
from training.config import Config
from training.data.dataset import DataSet, Part
from training.evaluation.calibration import scale_outputs, temperature
from training.interrupts import Divergence, Interrupted, interruptible
from training.keras import Sequential
from training.keras.callbacks import BackupAndRestore, Callback, EarlyStopping, History
from training.keras.layers import Dense, Dropout, Layer
from training.keras.losses import Huber, SparseCategoricalCrossentropy
from training.keras.optimizers import OPTIMIZERS
from training.keras.optimizers.schedules import CosineDecay
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
    best_epoch: int


def fit(
    config: Config,
    data: DataSet,
    *,
    checkpoint: Path | None = None,
    callbacks: Sequence[Callback] = (),
    verbose: str | int = 0,
) -> Trained:
    """Train a network on the training part; the validation part chooses the epoch and calibrates.

    Where there is a folder for a checkpoint, a run that was stopped or killed goes on from there, and ends
    with the same bits. Raises TrainingError where the loss diverges, Interrupted where somebody stopped it.
    """
    set_random_seed(config.seed)
    rows = len(data.train)
    batch_size = config.batch_size or min(max(LEAST_BATCH, 2 ** round(np.log2(rows / 100 + 1))), MOST_BATCH)
    steps = ceil(rows / batch_size)
    epochs = config.epochs or min(max(LEAST_EPOCHS, ceil(STEPS / steps)), MOST_EPOCHS)
    model = build(config, data.features.width, len(data.targets.labels))
    scale = _Standard.of(data)
    model.compile(_optimizer(config, steps * epochs), _loss(config, data), _metrics(data))
    validation = (data.validation, scale.standardise(data.validation.y)) if len(data.validation) else None
    stopping = EarlyStopping(patience=config.patience, restore_best_weights=True)
    backup = [BackupAndRestore(checkpoint, delete_checkpoint=False)] if checkpoint else []
    stops = validation is not None and config.patience > 0
    with interruptible(model):
        history = model.fit(
            data.train,
            scale.standardise(data.train.y),
            batch_size=batch_size,
            epochs=epochs,
            validation_data=validation,
            callbacks=[Divergence(), *([stopping] if stops else []), *callbacks, *backup],
            verbose=verbose,
        )
    if model.interrupted:
        raise _interrupted(model, history, checkpoint)
    answers, degrees = _finished(config, data, model, scale)
    return Trained(answers, history, degrees, stopping.best_epoch if stops else history.epoch[-1])


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


def _interrupted(model: Sequential, history: History, checkpoint: Path | None) -> Interrupted:
    """Keep the best weights, which are the model's by now, and say where they are and how to go on."""
    stopped = f"stopped in epoch {model.next_epoch + 1}; nothing was published"
    if checkpoint is None or not history.epoch:
        return Interrupted(stopped)
    best = checkpoint / "best.npz"
    model.save(best)
    return Interrupted(f"{stopped}. The best weights so far are in {best}; the same command goes on from here")


def _finished(config: Config, data: DataSet, model: Sequential, scale: _Standard) -> tuple[Model, float | None]:
    """Fold what was learned into one model that answers in the units of the data; return its temperature, too."""
    if scale.values:
        return scale_outputs(model.regression(data.features), scale.deviation, scale.mean), None
    classifier = model.classifier(data.features, data.targets.labels)
    if not (config.calibrate and len(data.validation)):
        return classifier, None
    degrees = temperature(_logits(classifier, data.validation), data.validation.y)
    return scale_outputs(classifier, 1 / degrees), degrees


def _logits(model: Model, part: Part) -> npt.NDArray[np.float64]:
    return np.concatenate([model.logits(codes).astype(np.float64) for codes, _ in part.chunks()])
