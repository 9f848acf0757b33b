"""Offline: data -> a trained network -> a published version.

`import training as tf` runs Keras code for dense networks. `from training import SimpleNeuralNetwork` is the
two-layer network of the article, written out on one page. `training.train(frame, target=...)` trains on a data frame.

In reading order: `__main__` (the command line), `config` (the settings), `commands`, `run` (one training run from data
to publication), `training_run` (its result), `interactive` (`train`), `interrupts`, `console` (the output); then the
sub-packages `files`, `data`, `keras`, `fitting`, `evaluation`, `report`, `publishing` and `scoring`.
"""

from typing import TYPE_CHECKING, Any

from training import keras
from training.errors import TrainingError
from training.simple import SimpleNeuralNetwork

if TYPE_CHECKING:
    from training.interactive import train

__all__ = ["SimpleNeuralNetwork", "TrainingError", "keras", "train"]


def __getattr__(name: str) -> Any:
    """Import `train` when it is first used: the libraries for tables take longer to load than all the others."""
    if name != "train":
        raise AttributeError(f"module 'training' has no attribute {name!r}")
    from training.interactive import train

    return train
