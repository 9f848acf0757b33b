"""The settings that follow from the data, unless they are given."""

from dataclasses import replace
from math import ceil

import numpy as np

from training.config import Config
from training.data.dataset import DataSet
from training.errors import TrainingError

TABLE_LAYERS, TABLE_DROPOUT, TABLE_NETWORKS = (64, 64), 0.0, 4
IMAGE_LAYERS, IMAGE_DROPOUT, IMAGE_NETWORKS = (256, 256), 0.3, 1
MIN_BATCH_SIZE, MAX_BATCH_SIZE = 32, 256
DEFAULT_STEPS = 6000  # of a network for which `epochs` is not set
MIN_EPOCHS, MAX_EPOCHS = 10, 200


def complete_settings(config: Config, data: DataSet) -> Config:
    """Return the settings with those that are not set: sizes for images or for tables, and the length of the run.

    Raises TrainingError for settings that contradict each other.
    """
    image = data.image is not None
    # A softmax depends on all units of its layer, so that networks can't stand side by side in one.
    alone = config.activation == "softmax"
    if alone and (config.networks or 1) > 1:
        raise TrainingError("networks with the activation softmax can't be combined; set --networks to 1")
    if config.class_weight and data.targets.task == "regression":
        raise TrainingError("remove --class-weight: the target of a regression has no classes")
    layers = (IMAGE_LAYERS if image else TABLE_LAYERS) if config.layers is None else config.layers
    dropout = (IMAGE_DROPOUT if image else TABLE_DROPOUT) if config.dropout is None else config.dropout
    rows = len(data.train)
    batch_size = config.batch_size or min(max(MIN_BATCH_SIZE, 2 ** round(np.log2(rows / 100 + 1))), MAX_BATCH_SIZE)
    return replace(
        config,
        layers=layers,
        dropout=dropout,
        networks=config.networks or (IMAGE_NETWORKS if image or alone else TABLE_NETWORKS),
        batch_size=batch_size,
        epochs=config.epochs or min(max(MIN_EPOCHS, ceil(DEFAULT_STEPS / ceil(rows / batch_size))), MAX_EPOCHS),
    )
