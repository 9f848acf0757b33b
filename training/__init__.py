"""Offline: data -> a trained network -> a published version.

`import training as tf` runs Keras code for dense networks. `from training import SimpleNeuralNetwork` is the
two-layer network of the article, written out on one page.

In reading order: `__main__` (the command line), `config` (the settings), `commands`, `run` (one training run from data
to publication), `interrupts`, `console` (the output); then the sub-packages `files`, `data`, `keras`, `fitting`,
`evaluation`, `report`, `publishing` and `scoring`.
"""

from training import keras
from training.errors import TrainingError
from training.simple import SimpleNeuralNetwork

__all__ = ["SimpleNeuralNetwork", "TrainingError", "keras"]
