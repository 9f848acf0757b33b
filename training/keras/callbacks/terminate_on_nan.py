"""Ending a run whose loss diverges."""

from typing import Any

import numpy as np

from training.keras.callbacks.callback import Callback


class TerminateOnNaN(Callback):
    """Stop at the batch at which the loss becomes NaN or infinite."""

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Check the loss."""
        if not np.isfinite(logs["loss"]):
            print(f"Batch {batch}: Invalid loss, terminating training")
            self.model.stop_training = True
