"""The offline half: data -> a trained network -> a published version.

`import training as tf` is enough to run Keras code for the networks that are served here, and
`from training import SimpleNeuralNetwork` is the network that fits on one page.
"""

from training import keras
from training.errors import TrainingError
from training.simple import SimpleNeuralNetwork

__all__ = ["SimpleNeuralNetwork", "TrainingError", "keras"]
