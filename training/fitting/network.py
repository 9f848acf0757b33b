"""Trains one network: layers, learning rate schedule, early stopping."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from nn import Network
from training.config import Config
from training.data.dataset import Split
from training.fitting.objective import Objective
from training.interrupts import Divergence, Interrupted, interruptible
from training.keras import Sequential, layers, optimizers
from training.keras.callbacks import BackupAndRestore, Callback, EarlyStopping, History
from training.keras.losses import MeanSquaredError, SparseCategoricalCrossentropy

WARMUP_SHARE = 0.05  # of the steps


@dataclass(frozen=True)
class TrainedNetwork:
    """A network, its training history and the epoch whose weights it has."""

    network: Network
    history: History
    best_epoch: int


def train_network(
    settings: Config,
    objective: Objective,
    splits: tuple[Split, Split],
    checkpoint: Path | None,
    callbacks: Sequence[Callback],
) -> TrainedNetwork:
    """Train on the first split; the second, the validation set, determines the best epoch.

    The outputs of a regression are standardised. Raises TrainingError if the loss diverges, Interrupted if the run is
    interrupted.
    """
    train, validation = splits
    batch_size, epochs = settings.batch_size or len(train), settings.epochs or 1
    model = _build(settings, train.features.width, objective.classes)
    _compile(model, settings, objective, epochs * ceil(len(train) / batch_size))
    stops_early = len(validation) > 0 and settings.patience > 0
    stopping = EarlyStopping(patience=settings.patience, restore_best_weights=True) if stops_early else None
    backup = [BackupAndRestore(checkpoint, delete_checkpoint=False)] if checkpoint else []
    x, y, weights = _samples(objective, train)
    with interruptible(model):
        history = model.fit(
            x,
            y,
            sample_weight=weights,
            batch_size=batch_size,
            epochs=epochs,
            validation_data=_samples(objective, validation) if len(validation) else None,
            callbacks=[Divergence(), *([stopping] if stopping else []), *callbacks, *backup],
            verbose=0,
        )
    if model.fit_state.interrupted:
        raise _interrupted(model, history, checkpoint, "best" if stopping else "latest")
    return TrainedNetwork(model.network(), history, stopping.best_epoch if stopping else history.epoch[-1])


def _samples(objective: Objective, split: Split) -> tuple[Any, ...]:
    """Return inputs, targets and weights for `fit`."""
    return split, objective.standardise(split.y), objective.weights(split.y)


def _build(settings: Config, inputs: int, classes: int) -> Sequential:
    """Return the network: hidden layers with dropout, then one output per class, or one output for a regression."""
    model = Sequential()
    for units in settings.layers or ():
        model.add(layers.Dense(units, activation=settings.activation))
        if settings.dropout:
            model.add(layers.Dropout(settings.dropout))
    model.add(layers.Dense(classes, activation="softmax") if classes else layers.Dense(1))
    model.build((None, inputs))
    return model


def _compile(model: Sequential, settings: Config, objective: Objective, steps: int) -> None:
    """Set the optimizer, its learning rate over the steps of the run, the loss and the metric."""
    rate: Any = settings.learning_rate
    if settings.schedule == "cosine":
        warmup = round(WARMUP_SHARE * steps)
        rate = optimizers.schedules.CosineDecay(0.0, max(steps - warmup, 1), warmup_target=rate, warmup_steps=warmup)
    options = {"weight_decay": settings.weight_decay} if settings.optimizer == "adamw" else {}
    optimizer = optimizers.OPTIMIZERS[settings.optimizer](rate, **options)
    if not objective.classes:
        # Unlike a robust loss, it is minimised by the mean, so that the errors of a skewed target do not add up.
        model.compile(optimizer, MeanSquaredError(), ["mae"])
    else:
        model.compile(optimizer, SparseCategoricalCrossentropy(label_smoothing=settings.label_smoothing), ["accuracy"])


def _interrupted(model: Sequential, history: History, checkpoint: Path | None, weights: str) -> Interrupted:
    """Save the best or the latest weights, which the model holds after `fit`; return an error that names the file."""
    stopped = f"stopped in epoch {model.fit_state.epoch + 1}; nothing was published"
    if checkpoint is None or not history.epoch:
        return Interrupted(stopped)
    file = checkpoint / "best.npz"
    model.save(file)
    return Interrupted(
        f"{stopped}. The {weights} weights of {checkpoint.name.replace('-', ' ')} so far are in {file}; run the same"
        " command again to resume"
    )
