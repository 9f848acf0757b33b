"""What ends a run before its time: a loss that is no number any more, and people who press Ctrl-C."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from training.errors import TrainingError
from training.keras import Sequential
from training.keras.callbacks import Callback

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(TrainingError):
    """Somebody stopped the run; the message says what is left of it."""


@contextmanager
def interruptible(model: Sequential) -> Iterator[None]:
    """Let the first Ctrl-C (or SIGTERM) end the run after the batch, and the second at once."""

    def stop(number: int, frame: Any) -> None:
        model.interrupted = True
        listen_no_more()

    def listen_no_more() -> None:
        while before:
            signal.signal(*before.popitem())

    # Signals arrive in the main thread alone.
    main = threading.current_thread() is threading.main_thread()
    before = {number: signal.signal(number, stop) for number in SIGNALS} if main else {}
    try:
        yield
    finally:
        listen_no_more()


class Divergence(Callback):
    """End the run where the loss is infinite or no number: nothing good comes after that."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Remember the steps before."""
        self._before = epoch * self.params["steps"]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at what is known of the batches so far: all of them, where this one is the epoch's last."""
        if batch + 1 == self.params["steps"]:
            logs["loss"]
        if logs.diverged_at is not None:
            self._fail("loss", self._before + logs.diverged_at + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Look at the validation loss."""
        if not np.isfinite(logs.get("val_loss", 0.0)):
            self._fail("validation loss", self._before + self.params["steps"])

    def _fail(self, loss: str, step: int) -> None:
        raise TrainingError(
            f"the training diverged: the {loss} is infinite or no number at step {step}, in epoch"
            f" {self._before // self.params['steps'] + 1}; nothing was published. Try a smaller --learning-rate"
        )
