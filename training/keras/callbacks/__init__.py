"""Callbacks: objects that monitor training and may change or stop it: `keras.callbacks`.

Read callback; history, progress; early_stopping, learning_rate and checkpoint; backup; callback_list.
"""

from training.keras.callbacks.backup import BackupAndRestore
from training.keras.callbacks.callback import Callback, LambdaCallback
from training.keras.callbacks.checkpoint import ModelCheckpoint
from training.keras.callbacks.early_stopping import EarlyStopping, TerminateOnNaN
from training.keras.callbacks.history import CSVLogger, History
from training.keras.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from training.keras.lookup import module_getattr

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]

__getattr__ = module_getattr(__name__, __all__)
