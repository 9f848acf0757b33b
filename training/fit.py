"""Trains a network on a data set: architecture, learning rate schedule, early stopping, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Model
from training.config import Config
from training.data.dataset import DataSet
from training.evaluation.calibration import fit_temperature, scale_outputs
from training.interrupts import Divergence, Interrupted, interruptible
from training.keras import Sequential, layers, optimizers, utils
from training.keras.callbacks import BackupAndRestore, Callback, EarlyStopping, History
from training.keras.losses import Huber, SparseCategoricalCrossentropy

MIN_BATCH_SIZE, MAX_BATCH_SIZE = 32, 256
DEFAULT_STEPS = 6000  # of a run for which `epochs` is not set
MIN_EPOCHS, MAX_EPOCHS = 10, 200
WARMUP_SHARE = 0.05  # of the steps


@dataclass(frozen=True)
class FittedModel:
    """A trained model and its training history."""

    model: Model
    history: History
    temperature: float | None
    best_epoch: int


def fit_model(
    config: Config, data: DataSet, *, checkpoint: Path | None = None, callbacks: Sequence[Callback] = ()
) -> FittedModel:
    """Train a network on the training set; the validation set determines the best epoch and the temperature.

    With a checkpoint folder, a run that was interrupted or killed resumes from there with a bit-identical result.
    Raises TrainingError if the loss diverges, Interrupted if the run is interrupted.
    """
    utils.set_random_seed(config.seed)
    batch_size, epochs = _schedule(config, len(data.train))
    model = _build_network(config, data.features.width, len(data.targets.labels))
    _compile(model, config, data, epochs * ceil(len(data.train) / batch_size))
    scaler = _TargetScaler(data)
    validation = (data.validation, scaler.standardise(data.validation.y)) if len(data.validation) else None
    stops_early = validation is not None and config.patience > 0
    stopping = EarlyStopping(patience=config.patience, restore_best_weights=True) if stops_early else None
    backup = [BackupAndRestore(checkpoint, delete_checkpoint=False)] if checkpoint else []
    with interruptible(model):
        history = model.fit(
            data.train,
            scaler.standardise(data.train.y),
            batch_size=batch_size,
            epochs=epochs,
            validation_data=validation,
            callbacks=[Divergence(), *([stopping] if stopping else []), *callbacks, *backup],
            verbose=0,
        )
    if model.fit_state.interrupted:
        raise _interrupted(model, history, checkpoint, "best" if stopping else "latest")
    fitted, temperature = _finalise(config, data, model, scaler)
    return FittedModel(fitted, history, temperature, stopping.best_epoch if stopping else history.epoch[-1])


def _schedule(config: Config, rows: int) -> tuple[int, int]:
    """Return batch size and epochs: as configured, or derived from the number of rows."""
    batch_size = config.batch_size or min(max(MIN_BATCH_SIZE, 2 ** round(np.log2(rows / 100 + 1))), MAX_BATCH_SIZE)
    epochs = config.epochs or min(max(MIN_EPOCHS, ceil(DEFAULT_STEPS / ceil(rows / batch_size))), MAX_EPOCHS)
    return batch_size, epochs


def _build_network(config: Config, inputs: int, classes: int) -> Sequential:
    """Return the network: hidden layers with dropout, then one output per class, or one output for a regression."""
    model = Sequential()
    for units in config.layers:
        model.add(layers.Dense(units, activation=config.activation))
        if config.dropout:
            model.add(layers.Dropout(config.dropout))
    model.add(layers.Dense(classes, activation="softmax") if classes else layers.Dense(1))
    model.build((None, inputs))
    return model


def _compile(model: Sequential, config: Config, data: DataSet, steps: int) -> None:
    """Set the optimizer, its learning rate over the steps of the run, the loss and the metric."""
    rate: Any = config.learning_rate
    if config.schedule == "cosine":
        warmup = round(WARMUP_SHARE * steps)
        rate = optimizers.schedules.CosineDecay(0.0, max(steps - warmup, 1), warmup_target=rate, warmup_steps=warmup)
    options = {"weight_decay": config.weight_decay} if config.optimizer == "adamw" else {}
    optimizer = optimizers.OPTIMIZERS[config.optimizer](rate, **options)
    if data.targets.task == "regression":
        model.compile(optimizer, Huber(), ["mae"])
    else:
        model.compile(optimizer, SparseCategoricalCrossentropy(label_smoothing=config.label_smoothing), ["accuracy"])


class _TargetScaler:
    """Standardises the targets of a regression by mean and deviation of the training set; classes are unchanged."""

    def __init__(self, data: DataSet) -> None:
        self.regression = data.targets.task == "regression"
        y = data.train.y.astype(np.float64)
        self.mean, self.deviation = float(y.mean()), float(y.std())

    def standardise(self, y: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return ((y - self.mean) / self.deviation).astype(np.float32) if self.regression else y


def _interrupted(model: Sequential, history: History, checkpoint: Path | None, weights: str) -> Interrupted:
    """Save the best or the latest weights, which the model holds after `fit`; return an error that names the file."""
    stopped = f"stopped in epoch {model.fit_state.epoch + 1}; nothing was published"
    if checkpoint is None or not history.epoch:
        return Interrupted(stopped)
    file = checkpoint / "best.npz"
    model.save(file)
    return Interrupted(f"{stopped}. The {weights} weights so far are in {file}; run the same command again to resume")


def _finalise(config: Config, data: DataSet, network: Sequential, scaler: _TargetScaler) -> tuple[Model, float | None]:
    """Return the model with target scaling or temperature folded into its last layer, and the temperature if any."""
    if scaler.regression:
        return scale_outputs(network.regression(data.features), scaler.deviation, scaler.mean), None
    classifier = network.classifier(data.features, data.targets.labels)
    if not (config.calibrate and len(data.validation)):
        return classifier, None
    logits = np.concatenate([classifier.logits(codes).astype(np.float64) for codes, _ in data.validation.chunks()])
    temperature = fit_temperature(logits, data.validation.y)
    return scale_outputs(classifier, 1 / temperature), temperature
