"""What watches a run, by Keras's names."""

from training.keras.callbacks.base import Callback, Callbacks, History, LambdaCallback, as_callbacks
from training.keras.callbacks.files import BackupAndRestore, CSVLogger, ModelCheckpoint
from training.keras.callbacks.progress import Progress, figures_line, progress
from training.keras.callbacks.rates import LearningRateScheduler, ReduceLROnPlateau
from training.keras.callbacks.stopping import EarlyStopping, TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "Callbacks",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "Progress",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
    "as_callbacks",
    "figures_line",
    "progress",
]
