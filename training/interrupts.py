"""Ends a run early if the loss diverges, or on Ctrl-C or SIGTERM."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from store import Publication
from store.interrupts import INTERRUPTS, handle_signals
from training.errors import TrainingError
from training.keras import Sequential
from training.keras.callbacks import Callback


class Interrupted(TrainingError):
    """The run was interrupted; the message states what was saved or published, and how to resume if possible."""


@contextmanager
def interruptible(model: Sequential) -> Iterator[None]:
    """End the run after the current batch on the first Ctrl-C (or SIGTERM), immediately on the second."""

    def stop(number: int, frame: Any) -> None:
        model.fit_state.interrupted = True
        previous_handlers.close()

    with handle_signals(stop, *INTERRUPTS) as previous_handlers:
        yield


@contextmanager
def like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does, which says what was published."""
    with handle_signals(signal.default_int_handler, signal.SIGTERM):
        yield


def still_published(publication: Publication) -> Interrupted:
    """Return the error for a run that was interrupted when it had published a version."""
    return Interrupted(f"{publication.name} {publication.version} remains published as {publication.alias}")


class Divergence(Callback):
    """Ends the run with a TrainingError when the loss is NaN or infinite."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._steps_before = epoch * self.params["steps"]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Check the losses aggregated so far; at the last batch of an epoch, all of them."""
        if batch + 1 == self.params["steps"]:
            logs["loss"]  # reading the loss aggregates the batches that are pending
        if logs.diverged_at is not None:
            self._fail("loss", self._steps_before + logs.diverged_at + 1)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not np.isfinite(logs.get("val_loss", 0.0)):
            self._fail("validation loss", self._steps_before + self.params["steps"])

    def _fail(self, loss: str, step: int) -> None:
        raise TrainingError(
            f"training diverged: the {loss} is NaN or infinite at step {step}, in epoch"
            f" {self._steps_before // self.params['steps'] + 1}; nothing was published. Try a smaller --learning-rate"
        )
