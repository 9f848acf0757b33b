"""A model of one layer, its data and a scripted metric, for the tests of callbacks."""

from typing import Any

import numpy as np

from training.keras import Sequential
from training.keras.callbacks import Callback
from training.keras.layers import Dense

X, Y = np.random.default_rng(0).normal(size=(40, 4)), np.arange(40) % 3


def one_layer(optimizer: Any = "sgd") -> Sequential:
    model = Sequential([Dense(3, activation="softmax")])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


class Scripted(Callback):
    """Adds a metric with given values to the logs of each epoch."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["score"] = self.values[epoch]
