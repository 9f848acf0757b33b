"""The `train` command: load, fit, evaluate on rows that were not learned from, publish."""

from math import ceil
from pathlib import Path

from nn import Features
from store import Publication
from training.data import DataSet, load
from training.keras import Sequential
from training.keras.layers import Dense, Dropout
from training.keras.utils import set_random_seed
from training.provenance import made
from training.publish import evaluate, publish_model

EPOCHS, BATCH_SIZE = 10, 32
LEAST_STEPS = 3000  # on small data ten epochs are too few to learn anything


def train(
    data: str,
    name: str,
    *,
    models: Path,
    target: str | None = None,
    epochs: int | None = None,
    batch_size: int = BATCH_SIZE,
    seed: int = 0,
    verbose: str | int = "auto",
    promote: bool = True,
    force: bool = False,
) -> Publication:
    """Train the article's network on data and publish it as the next version of `name`.

    Without `epochs` there are ten, or as many as make 3,000 steps. Raises TrainingError, StoreError.
    """
    data_set = load(data, target, seed)
    set_random_seed(seed)
    features = fit_features(data_set)
    model = article_network(len(features), len(data_set.labels))
    rows, classes = data_set.train.rows, data_set.train.classes
    if epochs is None:
        epochs = max(EPOCHS, ceil(LEAST_STEPS / ceil(len(rows) / batch_size)))
    model.fit(features.inputs(rows), classes, batch_size=batch_size, epochs=epochs, verbose=verbose)
    classifier = model.classifier(features, data_set.labels)
    test = data_set.test
    metrics = {"test": evaluate(classifier, test.rows, test.classes)}
    provenance = made(data_set.source, seed)
    return publish_model(models, name, classifier, test.rows, metrics, provenance, promote=promote, force=force)


def fit_features(data: DataSet) -> Features:
    """Fit the scaling on the training part alone."""
    if data.names is None:
        return Features.fit_grid(data.train.rows)
    return Features.fit_table(data.train.rows, data.names)


def article_network(inputs: int, classes: int) -> Sequential:
    """Return the network of the article, compiled as there."""
    model = Sequential(
        [
            Dense(64, activation="relu", input_shape=(inputs,)),
            Dropout(0.2),
            Dense(classes, activation="softmax"),
        ]
    )
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model
