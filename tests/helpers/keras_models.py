"""Small classifiers and their data, for the tests of training.keras."""

import numpy as np

from training.keras import Sequential
from training.keras.layers import Dense, Dropout, Input

LOSS = "sparse_categorical_crossentropy"


def blobs(rng: np.random.Generator, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    # Orthogonal centres in random directions: centres drawn independently may lie too close together.
    centres = 3 * np.linalg.qr(rng.normal(size=(4, 4)))[0][:3]
    y = rng.integers(0, 3, rows)
    return centres[y] + rng.normal(size=(rows, 4)), y


def compiled_model(dropout: float = 0.2) -> Sequential:
    model = Sequential([Dense(16, activation="relu"), Dropout(dropout), Dense(3, activation="softmax")])
    model.compile(optimizer="adam", loss=LOSS, metrics=["accuracy"])
    return model


def built_model() -> Sequential:
    model = Sequential([Input((4,)), Dense(3, "softmax")])
    model.build((None, 4))
    return model
