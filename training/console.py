"""The output of a run: sentences and a progress bar for people, a JSON object on each line for programs."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from store import Publication
from training.evaluation.comparison import Comparison
from training.evaluation.confidence import Interval
from training.keras.callbacks import Callback
from training.keras.callbacks.progress import progress_callbacks


class Console:
    """Prints sentences for people."""

    def callbacks(self) -> list[Callback]:
        """Return the callbacks that show the epochs."""
        return progress_callbacks("auto")

    def warning(self, text: str) -> None:
        """Print a warning about the data."""
        print(f"Note: {text}" if text.endswith("?") else f"Note: {text}.")

    def resume(self, checkpoint: Path) -> None:
        """Say that the run resumes from a checkpoint."""
        print(f"Going on where this run was stopped; to begin it anew, remove {checkpoint}.")

    def scores(self, scores: dict[str, float], intervals: dict[str, Interval]) -> None:
        """Print the scores on test rows."""
        print(f"Test {format_scores(scores, intervals)}.")

    def published(self, publication: Publication, models: Path) -> None:
        """Say what was published, and which command comes next."""
        version = f"{publication.name} {publication.version}"
        print(f"Published {version} as {publication.alias}: {publication.reason}.")
        print(f"Report: {models / publication.name / str(publication.version) / 'report.html'}")
        if publication.alias == "stable":
            print(f"Serve it with: python -m service --models {models}")
        else:
            print(f"To serve it as stable: python -m store promote {version} --force --models {models}")

    def serving(self, url: str, seconds: float) -> None:
        """Say that a service serves the version."""
        print(f"{url} serves it, and answers a golden row as it should ({seconds:.1f} s after publishing).")


class JSONConsole(Console):
    """Prints the same events as JSON objects, one on each line."""

    def callbacks(self) -> list[Callback]:
        """Return a callback that prints the metrics of each epoch."""
        return [_EpochEvents()]

    def warning(self, text: str) -> None:
        """Print a warning about the data."""
        _print_event("finding", text=text)

    def resume(self, checkpoint: Path) -> None:
        """Print the checkpoint that the run resumes from."""
        _print_event("resumed", checkpoint=str(checkpoint))

    def scores(self, scores: dict[str, float], intervals: dict[str, Interval]) -> None:
        """Print the scores on test rows."""
        _print_event("test", metrics=scores, intervals=intervals)

    def published(self, publication: Publication, models: Path) -> None:
        """Print the publication."""
        folder = models / publication.name / str(publication.version)
        _print_event("published", **asdict(publication), folder=str(folder))

    def serving(self, url: str, seconds: float) -> None:
        """Print that a service serves the version."""
        _print_event("serving", url=url, seconds=round(seconds, 3))


class _EpochEvents(Callback):
    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        _print_event("epoch", epoch=epoch + 1, epochs=self.params["epochs"], **logs)


def _print_event(event: str, **content: Any) -> None:
    print(json.dumps({"event": event, **content}), flush=True)


def format_scores(scores: dict[str, float], intervals: dict[str, Interval]) -> str:
    """Write scores with their intervals as a sentence."""
    texts = {name: " ({:.4g} to {:.4g})".format(*interval) for name, interval in intervals.items()}
    words = [f"{name} {value:.4f}{texts.get(name, '')}" for name, value in scores.items() if name != "rows"]
    return f"{', '.join(words)} on {scores['rows']:,} rows"


def format_comparison(numbers: list[int], comparison: Comparison) -> str:
    """Say which of two versions is better, and whether chance alone may explain it."""
    first, second = numbers
    low, high = comparison.interval
    closer = "right" if comparison.metric == "accuracy" else "closer"
    verdict = "chance alone may explain it" if comparison.chance else "more than chance"
    return (
        f"{comparison.metric} of {second} against {first}: {comparison.difference:+.4f} ({low:+.4f} to {high:+.4f}),"
        f" p = {comparison.p_value:.3g}: {verdict}."
        f" {second} alone is {closer} on {comparison.only_second:,} rows, {first} alone on {comparison.only_first:,}."
    )
