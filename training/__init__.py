"""The offline half: data -> a trained network -> a published version.

`import training as tf` is enough to run Keras code for the networks that are served here, and
`from training import SimpleNeuralNetwork` is the network that fits on one page.

In reading order: `__main__` (the options), `commands`, `run` (one training run from data to publication) and `fit`;
then the rooms `files`, `data`, `keras`, `evaluation`, `report`, `publishing` and `scoring`.
"""

from training import keras
from training.errors import TrainingError
from training.simple import SimpleNeuralNetwork

__all__ = ["SimpleNeuralNetwork", "TrainingError", "keras"]
