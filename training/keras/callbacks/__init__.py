"""Callbacks, which watch a run and may change or end it, by Keras's names.

Read callback; history, progress, lambda_callback, csv_logger; monitor, on which early_stopping, reduce_lr_on_plateau
and checkpoint build; learning_rate, terminate_on_nan, backup; callback_list.
"""

from training.keras.callbacks.backup import BackupAndRestore
from training.keras.callbacks.callback import Callback
from training.keras.callbacks.callback_list import CallbackList, run_callbacks
from training.keras.callbacks.checkpoint import ModelCheckpoint
from training.keras.callbacks.csv_logger import CSVLogger
from training.keras.callbacks.early_stopping import EarlyStopping
from training.keras.callbacks.history import History
from training.keras.callbacks.lambda_callback import LambdaCallback
from training.keras.callbacks.learning_rate import LearningRateScheduler
from training.keras.callbacks.progress import ProgressLogger, format_logs, progress_callbacks
from training.keras.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from training.keras.callbacks.terminate_on_nan import TerminateOnNaN
from training.keras.lookup import no_other

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgressLogger",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
    "format_logs",
    "progress_callbacks",
    "run_callbacks",
]

OWN_NAMES = ("CallbackList", "ProgressLogger")  # not among Keras's public callbacks
__getattr__ = no_other("callback", [name for name in __all__ if name[0].isupper() and name not in OWN_NAMES])
