"""The callback that shows the progress of training: bars in a terminal, lines of text otherwise."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from tqdm import tqdm

from training.keras.callbacks.callback import Callback, Logs


class ProgressLogger(Callback):
    """Shows a progress bar or a line of text for each epoch.

    Args:
        bars: Whether to draw progress bars instead of lines.
        name: What is trained, if a run trains several networks.
        every: Whether to keep the bar or line of every epoch. Otherwise at most one per second is kept, and always
            that of the last epoch.
    """

    SECONDS_PER_LINE = 1.0

    def __init__(self, bars: bool, every: bool = False, name: str = "") -> None:
        self.bars, self.every, self.name = bars, every, name
        self._last_line = float("-inf")

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        title = f"epoch {epoch + 1}/{self.params['epochs']}"
        self._title = f"{self.name}, {title}" if self.name else title.capitalize()
        self._began = time.monotonic()
        if self.bars:
            self._bar = tqdm(
                total=self.params["steps"],
                desc=self._title,
                file=sys.stdout,
                bar_format="{desc} {n_fmt}/{total_fmt} {bar:20} {elapsed}<{remaining}{postfix}",
            )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.bars and self._bar.update():
            self._bar.set_postfix_str(format_logs(logs), refresh=False)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
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
    return " - ".join(f"{name}: {value:.4f}" for name, value in logs.items())


def progress_callbacks(verbose: str | int, name: str = "") -> list[Callback]:
    """Return the callbacks for Keras's `verbose`.

    0 prints nothing, 2 prints one line per epoch; 1 and "auto" show progress bars in a terminal or a notebook, and
    otherwise print at most one line per second. The lines begin with the name, if any.
    """
    if verbose == 0:
        return []
    return [ProgressLogger(bars=verbose != 2 and _shows_bars(), every=verbose == 2, name=name)]


def _shows_bars() -> bool:
    """Return whether the output can redraw a line: a terminal, or a notebook."""
    return sys.stdout.isatty() or type(sys.stdout).__module__.startswith("ipykernel.")
