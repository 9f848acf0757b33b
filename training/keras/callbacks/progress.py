"""The progress of a run: a bar on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from training.keras.callbacks.callback import Callback, Logs


class ProgressLogger(Callback):
    """A bar for each epoch on a terminal, a line elsewhere; short epochs share one, unless `every`."""

    SECONDS_PER_LINE = 1.0

    def __init__(self, bars: bool, every: bool = False) -> None:
        self.bars, self.every = bars, every
        self._last_line = float("-inf")

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Start the clock, and the bar."""
        self._title = f"Epoch {epoch + 1}/{self.params['epochs']}"
        self._began = time.monotonic()
        if self.bars:
            self._bar = tqdm(
                total=self.params["steps"],
                desc=self._title,
                file=sys.stdout,
                bar_format="{desc} {n_fmt}/{total_fmt} {bar:20} {elapsed}<{remaining}{postfix}",
            )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Advance the bar."""
        if self.bars and self._bar.update():
            self._bar.set_postfix_str(format_logs(logs), refresh=False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Finish the bar, or print the line."""
        now = time.monotonic()
        keep = self.every or epoch + 1 == self.params["epochs"] or now - self._last_line >= self.SECONDS_PER_LINE
        if keep:
            self._last_line = now
        if self.bars:
            self._bar.set_postfix_str(format_logs(logs))
            self._bar.leave = keep
            self._bar.close()
        elif keep:
            print(f"{self._title} - {now - self._began:.1f}s - {format_logs(logs)}", flush=True)


def format_logs(logs: Mapping[str, float]) -> str:
    """Return the logs of an epoch or an evaluation as text."""
    return " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())


def progress_callbacks(verbose: str | int) -> list[Callback]:
    """Return the callbacks for Keras's `verbose`: "auto" or 1, 2 for lines, 0 for none."""
    if verbose == 0:
        return []
    return [ProgressLogger(bars=verbose != 2 and sys.stdout.isatty(), every=verbose == 2)]
