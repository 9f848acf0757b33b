"""Fits a model to a data set: several networks, a linear model beside them, and their mixture as one network.

A table gets four small networks. Each has its own validation rows, which stop its training; the average of the four is
more accurate than one network of their total size. On the same rows a linear model is trained, by the same recipe
without hidden layers. The rows that a network did not train on decide the share of the linear model. The mixture is
one network again, so that the service sees no difference.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nn import Model, Network
from training.config import Config
from training.data.dataset import DataSet, Split, resplit
from training.fitting.combine import combine_networks, forget_inputs
from training.fitting.mixture import Logits, Mixture, mix_classification, mix_regression
from training.fitting.network import TrainedNetwork, train_network
from training.fitting.objective import Objective
from training.fitting.recipe import complete_settings
from training.keras import utils
from training.keras.callbacks import Callback

# The linear model has settings of its own: it is the same yardstick for every network.
LINEAR: dict[str, Any] = {"layers": (), "optimizer": "adamw", "learning_rate": 1e-2, "schedule": "cosine"}

NamedCallbacks = Callable[[str], Sequence[Callback]]  # the callbacks of the network with this name


@dataclass(frozen=True)
class FittedModel:
    """The model to publish, and the linear model alone, with which it can be compared.

    `settings` are those of the run, including the values that were derived from the data. `networks` has the histories,
    in which a regression's metrics are those of targets standardised by `objective`.
    """

    model: Model
    linear: Model
    settings: Config
    objective: Objective
    networks: list[TrainedNetwork]
    mixture: Mixture


def fit_model(
    config: Config, data: DataSet, *, checkpoint: Path | None = None, callbacks: NamedCallbacks = lambda name: ()
) -> FittedModel:
    """Train on the training set; the validation sets determine the best epochs and the mixture.

    With a checkpoint folder, a run that was interrupted or killed resumes from there with a bit-identical result.
    Raises TrainingError if the loss diverges, Interrupted if the run is interrupted.
    """
    settings = complete_settings(config, data)
    objective = Objective.of(settings, data)
    splits = [resplit(data, settings, number) for number in range(settings.networks or 1)]
    utils.set_random_seed(settings.seed)
    train = partial(_train_all, objective, splits, checkpoint, callbacks)
    networks, linears = train(settings, "network"), train(replace(settings, **LINEAR), "linear model")
    mixtures = _fit_mixtures(settings, objective, [validation for _, validation in splits], networks, linears)
    model, linear = (_mix(data, objective, mixture, networks, linears) for mixture in mixtures)
    return FittedModel(model, linear, settings, objective, networks, mixtures[0])


def _train_all(
    objective: Objective,
    splits: list[tuple[Split, Split]],
    checkpoint: Path | None,
    callbacks: NamedCallbacks,
    settings: Config,
    kind: str,
) -> list[TrainedNetwork]:
    """Train one network on each split."""
    trained = []
    for number, split in enumerate(splits, 1):
        name = f"{kind} {number} of {len(splits)}" if len(splits) > 1 else kind
        folder = checkpoint / name.replace(" ", "-") if checkpoint else None
        trained.append(train_network(settings, objective, split, folder, callbacks(name)))
    return trained


def _fit_mixtures(
    settings: Config,
    objective: Objective,
    validations: list[Split],
    networks: list[TrainedNetwork],
    linears: list[TrainedNetwork],
) -> tuple[Mixture, Mixture]:
    """Return the mixture for the model, and the one that is the linear model alone."""
    if not len(validations[0]):
        return Mixture(), Mixture(linear=1.0)
    outputs, linear = (_outputs(validations, trained) for trained in (networks, linears))
    y = np.concatenate([objective.standardise(split.y) for split in validations])
    # Only relu can pass the linear model on through hidden layers.
    can_mix = settings.layers and settings.activation == "relu"
    if not objective.classes:
        alone = replace(mix_regression(linear, None, y), linear=1.0)
        return mix_regression(outputs, linear if can_mix else None, y), alone
    mix = partial(mix_classification, classes=y, weights=objective.weights(y), scale=settings.calibrate)
    return mix(outputs, linear if can_mix else None), replace(mix(linear, None), linear=1.0)


def _outputs(validations: list[Split], trained: list[TrainedNetwork]) -> Logits:
    """Return the logits (B, C) of the rows of all validation sets, each by the network that was not trained on it."""
    return np.concatenate(
        [
            one.network.logits(split.features.inputs(codes)).astype(np.float64)
            for split, one in zip(validations, trained, strict=True)
            for codes, _ in split.chunks()
        ]
    )


def _mix(
    data: DataSet, objective: Objective, mixture: Mixture, networks: list[TrainedNetwork], linears: list[TrainedNetwork]
) -> Model:
    """Return the model of a mixture; its outputs are in the units of the targets."""
    parts: list[Network] = []
    weights: list[float] = []
    for trained, share in ((networks, 1 - mixture.linear), (linears, mixture.linear)):
        if share:
            parts += [one.network for one in trained]
            weights += [share * mixture.scale * objective.deviation / len(trained)] * len(trained)
    network = combine_networks(parts, weights, objective.mean + mixture.offset * objective.deviation)
    network = forget_inputs(network, _unused_indicators(data))
    return Model(data.features, network, data.targets.task, data.targets.labels)


def _unused_indicators(data: DataSet) -> npt.NDArray[np.intp]:
    """Return the inputs that mark a missing value which no row of the training and validation set lacks."""
    features, used = data.features, np.zeros(len(data.features.nullable), bool)
    if len(used):
        for split in (data.train, data.validation):
            for codes, _ in split.chunks():
                used |= np.isnan(codes[:, features.nullable]).any(axis=0)
    return np.arange(features.width)[features.indicators][~used]
