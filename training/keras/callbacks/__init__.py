"""What watches a run, by Keras's names."""

from training.keras.callbacks.callback import Callback, Callbacks, History, LambdaCallback, as_callbacks
from training.keras.callbacks.checkpoint import BackupAndRestore, CSVLogger, ModelCheckpoint
from training.keras.callbacks.early_stopping import EarlyStopping, TerminateOnNaN
from training.keras.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from training.keras.callbacks.progress import Progress, figures_line, progress
from training.keras.lookup import no_other

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

OURS = ("Callbacks", "Progress")  # no words of Keras's
__getattr__ = no_other("callback", [name for name in __all__ if name[0].isupper() and name not in OURS])
